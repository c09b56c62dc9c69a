"""How Chinese says numbers: what they are made of and followed by, read and written by cn2an."""

import re

from zoo.data.numerals import FIGURES, whole_number

ONE = "[零〇一二三四五六七八九]"
PART = "零〇一二三四五六七八九两十百千万亿"
NUMBER = f"(?<![{PART}])[一二三四五六七八九两十][{PART}]*"
NOT_VAGUE = f"(?![{PART}几来])"  # 十几, 十来个
VAGUE = tuple("几多数某好点又")  # 几十个, 数十年
MONEY = "元|块钱|人民币|[美欧日港韩]元|英镑|泰铢|卢布|美金|[港台]币"
SIZE = (
    "(?:平方|立方)?(?:公里|千米|厘米|毫米|米(?![一二三四五六七八九]))|公斤|千克|毫克|毫升|千瓦|公顷|英里|英尺|英寸|平米|"
    "摄氏度|克|斤|吨|升|亩|岁"
)
COUNT = (
    "小时|分钟|世纪|年代|[个名位人家只条张瓶杯份本辆台匹户件套栋幢座层楼部款种项次届期批支枚艘架颗棵株倍"
    "页篇集例宗起桶箱秒天周年日月号点级线股块角度场组队票班所排]|块(?![一二三四五六七八九])|时(?![期候代间])"
)
ROUND = "左右|以上|以下|以内|之内|之间|上下"
MEASURE = f"(?:{MONEY}|{SIZE}|{COUNT}|{ROUND})"
MEASURE_OVER_TEN = "[分折路字句章节对行代手根步面毛]"  # 二十分; 十分 is another word
DAYTIME = "早上|早晨|清晨|上午|中午|下午|傍晚|晚上|夜里|半夜|凌晨|[今明昨当前][早晚]|晚|日"
PHONE = "(?:拨打|拨通|致电|来电|电话|热线|号码)[是为：:]?"


def digits_of(words: str) -> str | None:
    """Read a number in words: 三百零五 is 305, 一亿两千万 is 1亿2000万, 一万二千 is 12000.

    Returns:
        None if it isn't a number that can be written in digits, such as 三四百.
    """
    plain = words.replace("两", "二").replace("〇", "零")
    whole = whole_number(plain)
    parts = re.fullmatch("(?:(.+)亿)?(?:(.+)万)?", plain)
    if whole is None or parts is None:
        return None if whole is None else str(whole)
    large = digits_of(parts[1]) if parts[1] else ""
    small = digits_of(parts[2].lstrip("零")) if parts[2] else ""
    if large is None or small is None:
        return None
    return (large and f"{large}亿") + (small and f"{small}万")


def words_of(digits: str) -> str:
    """Speak a number such as 1,234.50: 一千二百三十四点五零; as long as it is, digit by digit."""
    import cn2an

    whole, _, fraction = digits.replace(",", "").partition(".")
    spoken = one_by_one(whole) if len(whole) > 16 else str(cn2an.an2cn(whole, "low"))
    spoken = re.sub("^二(?=[百千万亿])", "两", spoken)
    return spoken + ("点" + one_by_one(fraction) if fraction else "")


def one_by_one(digits: str) -> str:
    """Say digits one after the other; leave out what isn't a digit."""
    return "".join(FIGURES[int(one)] for one in digits if one.isdigit())
