"""The pipeline file, from text to a plan: nothing here talks to GitHub or knows of a release in progress."""
