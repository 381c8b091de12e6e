"""What several pages use: the session, access to runs, the words for a run, the controls."""
