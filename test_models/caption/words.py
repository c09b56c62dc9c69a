"""What the page of photos says, in English, Chinese and Thai."""

from test_models.labels import Labels

PHOTO_FILES = "image/*,.heic,.heif"
OPTIONS: Labels = {
    "caption-send": ("Caption", "生成描述", "สร้างคำบรรยาย"),
    "caption-match": (
        "Does this sentence fit?",
        "这句话符合图片吗？",
        "ประโยคนี้ตรงกับภาพหรือไม่",
    ),
    "caption-match-info": (
        "In the language that the model was trained on: English",
        "使用模型训练时的语言：英语",
        "ใช้ภาษาที่ใช้ฝึกโมเดล: ภาษาอังกฤษ",
    ),
    "caption-map-title": ("Map of a collection", "图片集地图", "แผนที่ของชุดภาพ"),
    "caption-map-send": ("Show the map", "显示地图", "แสดงแผนที่"),
    "caption-map-help": (
        "Drop the Parquet files that `explore.py map` and `explore.py embed` wrote, together. "
        "The photos that are captioned above are placed on it.",
        "请将 `explore.py map` 与 `explore.py embed` 生成的 Parquet 文件一起拖入。"
        "上方已生成描述的图片会显示在地图上。",
        "วางไฟล์ Parquet ที่ได้จาก `explore.py map` และ `explore.py embed` พร้อมกัน "
        "ภาพที่สร้างคำบรรยายด้านบนจะแสดงบนแผนที่",
    ),
}
PARAMETERS: Labels = {
    "mode": ("Decoding", "解码方式", "วิธีถอดรหัส"),
    "mode-info": (
        "beam: the likeliest; greedy: fastest, one caption; nucleus: draws",
        "beam：概率最高；greedy：最快，仅一条；nucleus：随机采样",
        "beam: น่าจะเป็นที่สุด; greedy: เร็วสุด ได้ข้อความเดียว; nucleus: สุ่ม",
    ),
    "language": ("Language of the captions", "描述的语言", "ภาษาของคำบรรยาย"),
    "language-info": (
        "The page's own, if the model can write it",
        "模型支持时使用页面语言",
        "ใช้ภาษาของหน้านี้ หากโมเดลเขียนได้",
    ),
    "labels": ("Labels: which fits?", "标签：哪个符合？", "ป้ายกำกับ: ข้อใดตรง"),
    "labels-info": (
        "Words or sentences, with commas between them",
        "词或句子，用逗号分隔",
        "คำหรือประโยค คั่นด้วยจุลภาค",
    ),
    "crop": ("What is looked at", "查看范围", "ส่วนที่ดู"),
    "crop-info": (
        "center: the square in the middle; pad: all, with bars; tiles: all, in squares",
        "center：中央方形；pad：整张图加边；tiles：分块看整张图",
        "center: สี่เหลี่ยมกลางภาพ; pad: ทั้งภาพเติมขอบ; tiles: ทั้งภาพเป็นช่อง",
    ),
    "num_captions": ("Captions of a photo", "每张图片的描述数", "จำนวนคำบรรยายต่อภาพ"),
    "seed": ("Seed", "随机种子", "ค่าตั้งต้นการสุ่ม"),
}
PHOTOS: Labels = {
    "progress": ("Progress", "进度", "ความคืบหน้า"),
    "done": (
        "{done} of {all} captioned",
        "已描述 {done} / {all}",
        "บรรยายแล้ว {done} จาก {all} ภาพ",
    ),
    "refused": ("{count} can't be read", "{count} 张无法读取", "อ่านไม่ได้ {count} ภาพ"),
    "stop": ("Stop", "停止", "หยุด"),
    "download": ("Download", "下载", "ดาวน์โหลด"),
    "lost": (
        "The page's server didn't answer; try again.",
        "页面服务器没有响应，请重试。",
        "เซิร์ฟเวอร์ของหน้านี้ไม่ตอบ โปรดลองอีกครั้ง",
    ),
    "enlarge": ("Enlarge", "放大", "ขยาย"),
    "close": ("Close", "关闭", "ปิด"),
    "remove": ("Remove", "移除", "นำออก"),
    "unseen": (
        "This browser can't show it; the model can read it.",
        "浏览器无法显示，但模型可能可以读取。",
        "เบราว์เซอร์แสดงภาพนี้ไม่ได้ แต่โมเดลอาจอ่านได้",
    ),
    "similar": ("Find similar photos", "查找相似图片", "ค้นหาภาพที่คล้ายกัน"),
    "unknown": (
        "This model doesn't know such pictures: its answers about this one may be wrong.",
        "此模型不认识这类图片，对它的回答可能有误。",
        "โมเดลนี้ไม่รู้จักภาพประเภทนี้ คำตอบสำหรับภาพนี้อาจผิด",
    ),
    "usual": ("How usual", "常见程度", "ความคุ้นเคย"),
    "labels": ("Labels", "标签", "ป้ายกำกับ"),
    "noLabel": ("none of these fits", "均不符合", "ไม่มีรายการใดตรง"),
    "score": (
        "mean log-probability of a token",
        "词元平均对数概率",
        "ค่าเฉลี่ย log-probability ต่อโทเคน",
    ),
    "category": ("Category", "类别", "หมวดหมู่"),
    "match": ("Fits (cosine)", "符合度（余弦）", "ความตรงกัน (โคไซน์)"),
    "neighbours": ("Nearest, of the model", "最相似（模型自带）", "ใกล้เคียงที่สุด (ในโมเดล)"),
    "collection": ("Nearest in the collection", "图片集中最相似", "ใกล้เคียงที่สุดในชุดภาพ"),
}
SEARCH: Labels = {
    **{key: PHOTOS[key] for key in ("close", "lost", "enlarge", "remove", "category")},
    "title": ("Search the collection", "搜索图片集", "ค้นหาในชุดภาพ"),
    "words": ("Words", "关键词", "คำค้น"),
    "example": (
        "a flood in front of a temple",
        "a flood in front of a temple",
        "a flood in front of a temple",
    ),
    "photo": ("Photo…", "图片…", "ภาพ…"),
    "search": ("Search", "搜索", "ค้นหา"),
    "any": ("any", "不限", "ทั้งหมด"),
    "place": ("Place", "地点", "สถานที่"),
    "since": ("Since", "自", "ตั้งแต่"),
    "until": ("Until", "至", "ถึง"),
    "size": ("{count} photos", "共 {count} 张图片", "{count} ภาพ"),
    "shown": (
        "{shown} of {all} photos, the most similar first",
        "按相似度排列，{shown} / {all} 张",
        "{shown} จาก {all} ภาพ เรียงตามความคล้าย",
    ),
    "none": ("No photo passes the filters.", "没有符合筛选条件的图片。", "ไม่มีภาพที่ผ่านตัวกรอง"),
    "more": ("Show more", "显示更多", "แสดงเพิ่ม"),
    "nothing": (
        "Give words, a photo, or both.",
        "请输入关键词、选择图片，或两者都给。",
        "โปรดใส่คำค้น ภาพ หรือทั้งสองอย่าง",
    ),
    "similarity": ("similarity (cosine)", "相似度（余弦）", "ความคล้าย (โคไซน์)"),
}
MAP: Labels = {
    **{key: PHOTOS[key] for key in ("close", "lost")},
    "canvas": (
        "Map: arrow keys move, plus and minus zoom, 0 shows all; the list selects groups",
        "地图：方向键移动，加减键缩放，0 显示全部；可在列表中选择分组",
        "แผนที่: ปุ่มลูกศรเลื่อน บวกลบซูม 0 แสดงทั้งหมด เลือกกลุ่มได้จากรายการ",
    ),
    "colour": ("Colour by", "着色依据", "ลงสีตาม"),
    "filter": ("Words in the caption", "描述中的词", "คำในคำบรรยาย"),
    "filterHint": ("flood bridge", "flood bridge", "flood bridge"),
    "lasso": ("Lasso", "套索", "บ่วงเลือก"),
    "closer": ("Zoom in", "放大", "ซูมเข้า"),
    "farther": ("Zoom out", "缩小", "ซูมออก"),
    "whole": ("Show all", "显示全部", "แสดงทั้งหมด"),
    "groups": ("Groups", "分组", "กลุ่ม"),
    "show": ("Show", "显示", "แสดง"),
    "select": ("Select", "选择", "เลือก"),
    "selection": ("Selection", "已选图片", "ภาพที่เลือก"),
    "selected": ("{count} selected", "已选 {count} 张", "เลือกแล้ว {count} ภาพ"),
    "unselect": ("Clear the selection", "取消选择", "ยกเลิกการเลือก"),
    "more": ("Show more", "显示更多", "แสดงเพิ่ม"),
    "yours": ("Your photo", "您的图片", "ภาพของคุณ"),
    "placed": (
        "★ {count} of your photos are on the map, each at the mean place of its {k} nearest "
        "neighbours, weighted by similarity.",
        "★ 您的 {count} 张图片已在地图上，位置为其 {k} 个最近邻按相似度加权的平均。",
        "★ ภาพของคุณ {count} ภาพอยู่บนแผนที่ ณ ตำแหน่งเฉลี่ยของภาพใกล้เคียง {k} ภาพ ถ่วงน้ำหนักตามความคล้าย",
    ),
    "noVectors": (
        "The collection has no embeddings, so photos can't be placed on it.",
        "此图片集没有嵌入向量，无法放置新图片。",
        "ชุดภาพนี้ไม่มีเวกเตอร์ จึงวางภาพใหม่ไม่ได้",
    ),
    "otherModel": (
        "The collection's embeddings are another model's, so photos can't be placed on it.",
        "此图片集的嵌入向量来自其他模型，无法放置新图片。",
        "เวกเตอร์ของชุดภาพนี้มาจากโมเดลอื่น จึงวางภาพใหม่ไม่ได้",
    ),
}
