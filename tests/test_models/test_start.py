"""The start page: which models are up, and what else it says of them."""

import pytest
from playwright.sync_api import expect

from tests.test_models.conftest import OpenPage, findings


@pytest.mark.parametrize("locale", ["en-US", "zh-TW", "th-TH"])
def test_it_says_which_models_are_up(open_page: OpenPage, locale: str) -> None:
    up = {"en-US": "up", "zh-TW": "运行中", "th-TH": "พร้อมใช้งาน"}[locale]
    page = open_page("/", locale=locale)
    expect(page.get_by_role("status").get_by_text(up, exact=True)).to_have_count(4)
    assert findings(page) == []
