"""What the page of entities says."""

from test_models.labels import Labels

LABELS: Labels = {
    "ner-one": ("One text", "单篇文本", "ข้อความเดียว"),
    "ner-many": ("Many texts", "多篇文本", "หลายข้อความ"),
    "ner-text": ("Text", "文本", "ข้อความ"),
    "ner-text-here": (
        "Paste or write a text here.",
        "在此粘贴或输入文本。",
        "วางหรือพิมพ์ข้อความที่นี่",
    ),
    "ner-find": ("Find entities", "识别实体", "ค้นหาชื่อเฉพาะ"),
    "ner-sample-company": ("Sample: a company", "示例：公司", "ตัวอย่าง: บริษัท"),
    "ner-sample-emoji": ("Sample: emoji", "示例：表情符号", "ตัวอย่าง: อีโมจิ"),
    "ner-own": ("Own words", "自定义词典", "คำที่กำหนดเอง"),
    "ner-own-lines": ("A word and its type per line", "每行一个词及其类型", "บรรทัดละหนึ่งคำพร้อมชนิด"),
    "ner-own-info": (
        "They come out as given; an entity that overlaps one gives way.",
        "词典中的词按所给类型输出，与其重叠的实体会被取代。",
        "คำเหล่านี้จะได้ชนิดตามที่กำหนด และแทนที่ชื่อเฉพาะที่ซ้อนทับ",
    ),
    "ner-column": ("Column of the texts", "文本所在列", "คอลัมน์ของข้อความ"),
    "ner-file": (
        "A TXT file with a text per line, or a CSV file.",
        "TXT 文件（每行一篇文本）或 CSV 文件。",
        "ไฟล์ TXT (บรรทัดละหนึ่งข้อความ) หรือไฟล์ CSV",
    ),
}
OPTIONS: Labels = {  # by parameter; an -info is a hint, a =CHOICE one of its values
    "min_confidence": ("Least confidence", "最低置信度", "ความเชื่อมั่นขั้นต่ำ"),
    "min_confidence-info": (
        "From 0 to 1; less sure entities are left out",
        "0 到 1；低于此值的实体不输出",
        "0 ถึง 1 ชื่อเฉพาะที่มั่นใจน้อยกว่านี้จะไม่แสดง",
    ),
    "simplify": ("Read traditional characters as simplified", "按简体识别繁体", "อ่านตัวเต็มเป็นตัวย่อ"),
    "simplify-info": (
        "For a model that knows simplified ones; the answer has the text's own",
        "适用于只学过简体的模型；结果保留原文的字",
        "สำหรับโมเดลที่รู้จักตัวย่อ คำตอบยังเป็นอักษรของข้อความเดิม",
    ),
    "reference_date": ("Reference date", "参考日期", "วันที่อ้างอิง"),
    "reference_date-info": (
        "The day that 去年 is counted from",
        "“去年”等以此日为准",
        "วันที่ใช้นับคำเช่น 去年",
    ),
    "mask": ("Mask personal data", "脱敏", "ปิดบังข้อมูลส่วนบุคคล"),
    "mask-info": (
        "Names, telephone and identity numbers, addresses, e-mail",
        "姓名、电话、证件号码、地址、电子邮箱",
        "ชื่อ หมายเลขโทรศัพท์ เลขประจำตัว ที่อยู่ อีเมล",
    ),
    "mask=none": ("No", "不脱敏", "ไม่ปิดบัง"),
    "mask=replace": ("With ***", "替换为 ***", "แทนด้วย ***"),
    "mask=label": ("With labels: [PERSON_1]", "替换为标签：[PERSON_1]", "แทนด้วยป้าย: [PERSON_1]"),
    "mask=hash": ("With keyed hashes", "替换为带密钥的哈希值", "แทนด้วยแฮชที่ใช้กุญแจ"),
}
RESULT: Labels = {
    "summary": (
        "Entities: {entities}, different ones: {different}, texts: {texts} ({seconds} s)",
        "{texts} 篇文本中共 {entities} 个实体，其中 {different} 个不同（{seconds} 秒）",
        "พบ {entities} ชื่อเฉพาะ ({different} ชื่อไม่ซ้ำกัน) ใน {texts} ข้อความ ({seconds} วินาที)",
    ),
    "summary-one": (
        "Entities: {entities}, different ones: {different} ({seconds} s)",
        "共 {entities} 个实体，其中 {different} 个不同（{seconds} 秒）",
        "พบ {entities} ชื่อเฉพาะ ({different} ชื่อไม่ซ้ำกัน) ใน {seconds} วินาที",
    ),
    "none": ("No entity was found.", "未识别到实体。", "ไม่พบชื่อเฉพาะ"),
    "progress": (
        "Texts: {done} of {total}",
        "已完成 {done} / {total} 篇",
        "{done} จาก {total} ข้อความ",
    ),
    "stopped": (
        "Only the first {done} of {total} texts were answered:",
        "仅完成前 {done} / {total} 篇：",
        "ตอบได้เพียง {done} ข้อความแรกจาก {total}:",
    ),
    "failed": (
        "Texts that couldn't be answered: {failed}",
        "{failed} 篇文本无法识别：",
        "ตอบไม่ได้ {failed} ข้อความ:",
    ),
    "entity": ("Entity", "实体", "ชื่อเฉพาะ"),
    "type": ("Type", "类型", "ชนิด"),
    "start": ("Start", "起始", "เริ่ม"),
    "end": ("End", "结束", "สิ้นสุด"),
    "confidence": ("Confidence", "置信度", "ความเชื่อมั่น"),
    "normalized": ("Normal form", "规范形式", "รูปแบบมาตรฐาน"),
    "count": ("Count", "次数", "จำนวน"),
    "texts": ("Texts", "文本数", "ข้อความ"),
    "text": ("Text", "文本", "ข้อความ"),
    "all": ("All types", "全部类型", "ทุกชนิด"),
    "search": ("Search the entities", "搜索实体", "ค้นหาในรายการ"),
    "more": ("Show more", "显示更多", "แสดงเพิ่ม"),
    "found": (
        "Texts with “{entity}” ({type}): {texts}",
        "“{entity}”（{type}）出现在 {texts} 篇文本中",
        "“{entity}” ({type}) อยู่ใน {texts} ข้อความ",
    ),
    "masked": ("Masked text", "脱敏文本", "ข้อความที่ปิดบังแล้ว"),
    "copy": ("Copy", "复制", "คัดลอก"),
    "copied": ("Copied.", "已复制。", "คัดลอกแล้ว"),
    "save-masked": ("Download masked text", "下载脱敏文本", "ดาวน์โหลดข้อความที่ปิดบังแล้ว"),
    "csv": ("Download CSV", "下载 CSV", "ดาวน์โหลด CSV"),
    "jsonl": ("Download JSON lines", "下载 JSON Lines", "ดาวน์โหลด JSON Lines"),
}
NEWS = (
    "2024年3月15日，外交部发言人王毅在北京会见了来自泰国的代表团。"
    "双方参观了清华大学和上海博物馆，并将于下周一前往广州。"
)
COMPANY = "米哈游成立于2011年，总部位于上海市徐汇区。2020年9月28日，米哈游发布了游戏原神。"
EMOJI = "👨‍👩‍👧😀 周末我们一家去了杭州🌊，李小龙的电影真好看🎬！"
