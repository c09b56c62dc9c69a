"""Finds where somebody lives: an address down to a house, or a street after a word such as 家住.

北京, 海淀区 and 美国 are places, but nobody's address. The rule first looks for the end of an
address (27号3栋501室), then to its left for a street or an estate. The address begins after the
last sign or word that no place's name has.
"""

import re

from hanlp_ner.masking.folding import FoldedText
from hanlp_ner.masking.kinds import PersonalSpan

MAX_PLACE_CHARACTERS = 48  # 新疆维吾尔自治区伊犁哈萨克自治州 and a street
MAX_NAME_CHARACTERS = 9  # of the first place, with its 市, 区 or 路, if no province begins it
# Characters around places that are in few of their names. 址 ends 地址, 住 ends 家住.
AROUND = (
    "在住到于於是为為寄送我他她你您的了往请請把给給让讓由及就也没說说叫问那很吗呢啊吧址位找见見"
)
NAME = rf"(?:[^\W\d_A-Za-z{AROUND}和]|和(?=[平谐諧順顺義义田美]))"
BLOCK = re.compile(rf"{NAME}(?: ?{NAME})* ?$")
PROVINCE = re.compile(
    "北京|天津|上海|重庆|重慶|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|"
    "广东|廣東|海南|四川|贵州|云南|陕西|甘肃|青海|内蒙古|广西|西藏|宁夏|新疆|台湾|臺灣|台北|臺北|新北|"
    "高雄|香港|九龍|九龙|新界|澳门|澳門"
)
REGION = re.compile("(?<!城)市|县|縣|区|區|州|盟|旗|镇|鎮|乡|鄉")
ESTATE = "小区|社区|家园|花园|花園|公寓|大厦|大廈|广场|廣場|山庄|新村|[苑邨]"
STREET = (
    rf"(?:{ESTATE}|街道|大街|大道|胡同|(?<![公铁线马网思出])路|(?<![家这那哪公心夜手店院屋])里|"
    r"(?<![知频通渠报報轨管味力赤街])道[中東西]?|(?<![们全农農])村|(?<!公)园|(?<!商)城|[街巷弄屯庄坊寨])"
)
STREETS = re.compile(STREET)
ENDS = re.compile(rf"{NAME}{STREET} ?$")
ENDS_WITH_ESTATE = re.compile(rf"{NAME}(?:{ESTATE}|[路街]) ?$")
FIGURE = "0-9零〇一二两三四五六七八九十百幺"
PART = rf"[-之][{FIGURE}]{{1,4}}"  # of 3-2-501; there are few, so that 1-1-1… takes no time
NUMBER = rf"(?:[A-Za-z甲乙丙丁东西南北]?[{FIGURE}]{{1,5}}(?:{PART}){{0,3}}[A-Za-z]?|[A-Z])"
UNIT = (
    "(?:号[院楼门房]?|號[院樓房]?|弄|巷|段|栋|棟|幢|座|单元|單元|层|層|楼|樓|室|組|组|队|隊|社|排|"
    "门(?![课槛票诊])|F(?![a-z]))"
    f"(?:之[{FIGURE}]{{1,2}})?"
)
# 27号3栋2单元501室, 3栋501; 12号线 is none. 3-2-501. 1201, of a building.
HOUSE = re.compile(
    rf"(?<![{FIGURE}])(?:(?:{NUMBER} ?{UNIT}[ ,，]?)*{NUMBER} ?{UNIT}(?![线線])"
    rf"(?:[ -]?[A-Z]?[{FIGURE}]{{2,4}}室?(?![{FIGURE}年月日元个人点]))?"
    rf"|(?P<room>[A-Z]?[{FIGURE}]{{1,3}}(?:-[{FIGURE}]{{1,4}}){{1,3}}(?![{FIGURE}])"
    rf"|[A-Z]?[{FIGURE}]{{3,4}}室?(?![{FIGURE}年月日元个人块户平])))"
)
MORE = re.compile(rf" ?{NAME}{{0,8}} ?")  # 385号太古汇一座
TOLD = re.compile(
    "(?:地址|住址|家住|住在|现住|現住|居住地|户籍地?|戶籍地|寄到|送到|送至|寄至|邮寄|老家)"
    rf"(?:是|为|為|在|[:： ])*({NAME}(?: ?{NAME}){{1,{MAX_PLACE_CHARACTERS}}})"
)
HEADING = re.compile(".*(?:注册地|所在地|户籍地?|籍贯|单位|门牌|收货|老家)(?=.)")


def find(folded: FoldedText) -> list[PersonalSpan]:
    """Find the addresses of a text, with their places in the text as it was sent.

    Args:
        folded: The text, joined over the ends of its lines.
    """
    text, free, found = folded.text, 0, list[tuple[int, int]]()
    for house in HOUSE.finditer(text):
        if free and not house["room"] and MORE.fullmatch(text, free, house.start()):
            first, free = found.pop()[0], house.end()
            found.append((first, free))
            continue
        left = max(free, house.start() - MAX_PLACE_CHARACTERS)
        ends = (ENDS_WITH_ESTATE if house["room"] else ENDS).search(text, left, house.start())
        block = ends and BLOCK.search(text, left, house.start())
        if block:
            free = house.end()
            found.append((block.start() + _before(block[0]), free))
    for told in TOLD.finditer(text):
        streets = [one.end() for one in STREETS.finditer(told[1]) if one[0] != "里"]
        if streets and streets[-1] > 2:
            found.append((told.start(1), told.start(1) + streets[-1]))
    return [PersonalSpan("ADDRESS", *folded.back(*one)) for one in found]


def is_home(place: str) -> bool:
    """Tell whether what a recognizer calls an address has a street or a house: 北京 has none."""
    return re.search(f".(?:{STREET})|[0-9]", place) is not None


def is_before(words: str) -> bool:
    """Tell whether the first words of what the rule found aren't an address yet: 住户杨秀英."""
    return len(words) < MAX_NAME_CHARACTERS and not re.search(f"{REGION.pattern}|{STREET}", words)


def _before(block: str) -> int:
    """Count the characters of a block that come before its address."""
    if province := PROVINCE.search(block):
        return province.start()
    heading = HEADING.match(block)
    start = heading.end() if heading else 0
    first = REGION.search(block, start + 1) or STREETS.search(block, start + 1)
    return max(start, first.end() - MAX_NAME_CHARACTERS) if first else start
