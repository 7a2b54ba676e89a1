"""The socket beside an SQLite file through which commands for operators reach the server that owns the file.

Rule: only who may read the file may knock (mode 0600), and whatever goes wrong here never touches the server's work.
"""

MOST_DAYS = 3_650
"""How far an operator may look back; here, because the command line must not wait for more."""
