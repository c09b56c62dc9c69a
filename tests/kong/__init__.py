"""Tests of kong/, against a gateway that behaves as Kong was measured to."""
