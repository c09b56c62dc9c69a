"""Finds people's names by the words around them; recognizers find the rest."""

import re
from collections.abc import Iterator

from hanlp_ner.masking.folding import FoldedText
from hanlp_ner.masking.kinds import PersonalSpan

# The most frequent surnames, and their traditional forms.
SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁"
    "魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹"
    "黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂焦柳邢岳齐梅莫庄辛管"
    "祝左涂谷祁舒耿牟卜詹关苗凌费纪靳盛童欧甄游阳裴席卫屈鲍覃霍翁隋甘景包柏宁柯阮桂闵柴冉单單"
    "張劉陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂蘇盧賈葉閻鍾譚鄒陸顧龍萬錢湯喬賀賴龔龐蘭顏嚴溫蘆韋畢"
    "聶齊莊關淩費紀歐陽衛鮑寧閔"
)
COMPOUND = "欧阳|歐陽|司马|司馬|诸葛|諸葛|上官|司徒|慕容|东方|皇甫|尉迟|公孙|令狐"
# Words that begin like a name.
WORDS = (
    "申[请請办辦报報]|毕业|畢業|施[行工]|曾[经經给給]|文[化件章]|包[括装]|马上|馬上|方[面便法向]|任[何务]|"
    "许多|許多|安[全装排]|项目|程[序度]|金[额額]|石油|黄[金色]|白[天色]|温度|高[度兴]|周[一二三四五六日末]|"
    "江[苏西]|万[一元]|常[常见]|关[于系]|时间|管理|成[功为]|单[位价]"
)
NOT_GIVEN = (
    "因在于於说說的是了和与與及被把将將向从從对對去来來到有没沒已住经經就也都系係先女老同太电電身"
    "今昨这這那我你他她"
)
GIVEN = rf"[^\W\d_A-Za-z{NOT_GIVEN}]"
FAMILY = f"(?!{WORDS})(?:{COMPOUND}|[{SURNAMES}])"
TITLES = (
    "先生|女士|小姐|太太|同志|老师|老師|师傅|師傅|医生|醫生|大夫|阿姨|大爷|奶奶|经理|經理|律师|律師"
)
TITLED_ALONE = f"(?:{COMPOUND}|(?![任方文成常万])[{SURNAMES}])"  # 文 ends 语文老师, 任 班主任老师
# What a form's field, or a sentence, says before a name: 姓名：张三, 我叫张三.
FIELD = "姓名|名字|联系人|聯絡人|聯繫人|收件人|收货人|收貨人|我叫|名叫|本名"
ROLE = (
    "患者|病人|客户|客戶|顾客|投诉人|申请人|被保险人|投保人|当事人|户主|户名|戶名|收款人|付款人|发件人|"
    "寄件人|经办人|签收人|负责人|負責人|监护人|監護人|报警人|法定代表人|家属|家屬|会员|會員|租客|司机|司機|"
    "学生|學生|本人"
)
SIGN = "(?:是|为|為|叫)?[:： ]{0,3}"
NAME = rf"({FAMILY} ?(?!{TITLES}){GIVEN}{{1,2}})"
PATTERNS = tuple(
    map(
        re.compile,
        (
            f"(?:{FIELD}){SIGN}{NAME}",
            f"(?:{ROLE})(?:[:： ]{{1,3}}|是|为|為|叫){NAME}",
            rf"(?:{ROLE}){NAME}(?!\w)",
            rf"(?:(?<!\w)|(?<=[的是和跟找请叫给让向由与为姓]))({FAMILY}{GIVEN}{{0,2}}?)(?={TITLES})",
            f"({TITLED_ALONE})(?={TITLES})",
            f"姓({FAMILY})(?![名氏])",  # 免贵姓王
            # Of a table or a form: a mobile or an identity number comes next.
            rf"(?<!\w){NAME}(?=[ ,:、，：\n(（]{{1,3}}(?:(?:电话|手机)[:：]?)?"
            r"(?:(?:\+?86)?1[3-9][\d -]{9}|\d{17}[\dX]))",
        ),
    )
)


def find(folded: FoldedText) -> Iterator[PersonalSpan]:
    """Yield the names that the words around them tell, with their places in the text."""
    for pattern in PATTERNS:
        for match in pattern.finditer(folded.text):
            yield PersonalSpan("PERSON", *folded.back(*match.span(1)))
