"""The pure core: what a release is and what should happen next. Standard library only; no await, no clock, no I/O."""
