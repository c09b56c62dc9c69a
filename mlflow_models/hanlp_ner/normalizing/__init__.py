"""Gives an entity a form that a program can use: a date, a sum, a number, a place."""
