import pytest

# Tests are inherited from these: they say what they found when they fail, as tests in files do.
pytest.register_assert_rewrite("tests.zoo.corpora", "tests.zoo.speech", "tests.zoo.training")
