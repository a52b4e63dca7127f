"""Checks of the C++ sources that no compiler makes."""
