"""The page of models whose task has no page of its own."""
