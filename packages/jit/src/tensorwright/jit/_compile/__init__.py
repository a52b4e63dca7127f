"""`tw.compile`: functions that run as graphs once they were seen to run."""
