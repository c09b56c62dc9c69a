"""What the page of evaluation says."""

from test_models.labels import Labels

LABELS: Labels = {
    "evaluate-first": ("First model", "模型一", "โมเดลแรก"),
    "evaluate-second": ("Second model, to compare", "对比模型（可选）", "โมเดลที่สองเพื่อเปรียบเทียบ"),
    "evaluate-score": ("Score", "开始评测", "ประเมินผล"),
    "evaluate-sample": ("Score the samples", "评测示例", "ประเมินตัวอย่าง"),
    "evaluate-params-first": (
        "Parameters of the first model (JSON)",
        "模型一的参数（JSON）",
        "พารามิเตอร์ของโมเดลแรก (JSON)",
    ),
    "evaluate-params-second": (
        "Parameters of the second model (JSON)",
        "对比模型的参数（JSON）",
        "พารามิเตอร์ของโมเดลที่สอง (JSON)",
    ),
    "evaluate-at-once": ("Requests at a time", "并发请求数", "จำนวนคำขอพร้อมกัน"),
    "evaluate-help-asr": (
        "A ZIP of recordings, with a text file of the same name beside each (a.wav and a.txt), or "
        "with a CSV of the columns `file` and `reference`.",
        "包含录音的 ZIP：每个录音配一个同名文本文件（a.wav 与 a.txt），"
        "或附一个含 `file` 和 `reference` 列的 CSV。",
        "ไฟล์ ZIP ของเสียงพร้อมไฟล์ข้อความชื่อเดียวกัน (a.wav และ a.txt) "
        "หรือพร้อม CSV ที่มีคอลัมน์ `file` และ `reference`",
    ),
    "evaluate-help-ner": (
        'JSON lines such as `{"text": "王小明在北京", "entities": [[0, 3, "PERSON"]]}`, or a CSV '
        "of the columns `text` and `entities` (a JSON list).",
        'JSON Lines，例如 `{"text": "王小明在北京", "entities": [[0, 3, "PERSON"]]}`，'
        "或含 `text` 和 `entities`（JSON 列表）列的 CSV。",
        'JSON Lines เช่น `{"text": "王小明在北京", "entities": [[0, 3, "PERSON"]]}` '
        "หรือ CSV ที่มีคอลัมน์ `text` และ `entities` (รายการ JSON)",
    ),
    "evaluate-help-caption": (
        "A ZIP of photos, with a CSV of the columns `file` and `caption` (several captions in "
        "further columns or rows), or with a.txt beside a.jpg, a caption per line.",
        "包含图片的 ZIP：附一个含 `file` 和 `caption` 列的 CSV（多条描述可放在更多列或行中），"
        "或在 a.jpg 旁放 a.txt，每行一条描述。",
        "ไฟล์ ZIP ของภาพ พร้อม CSV ที่มีคอลัมน์ `file` และ `caption` (หลายคำบรรยายใส่เพิ่มเป็นคอลัมน์หรือแถว) "
        "หรือพร้อม a.txt ข้าง a.jpg บรรทัดละหนึ่งคำบรรยาย",
    ),
}
REPORT: Labels = {
    "progress": (
        "{name}: {done} of {total}",
        "{name}：已完成 {done} / {total}",
        "{name}: {done} จาก {total}",
    ),
    "done": ("Cases that were scored: {count}", "已评测 {count} 条。", "ประเมินแล้ว {count} รายการ"),
    "measure": ("Measure", "指标", "ตัวชี้วัด"),
    "CER": ("Character error rate (CER)", "字符错误率（CER）", "อัตราผิดระดับอักขระ (CER)"),
    "WER": ("Word error rate (WER)", "词错误率（WER）", "อัตราผิดระดับคำ (WER)"),
    "precision": ("Precision", "精确率", "ความเที่ยง (precision)"),
    "recall": ("Recall", "召回率", "ความครบถ้วน (recall)"),
    "gold": ("In the references", "参考数量", "ในข้อมูลอ้างอิง"),
    "predicted": ("Predicted", "预测数量", "ที่ทำนาย"),
    "p50": ("Time per request, median", "请求耗时（中位数）", "เวลาต่อคำขอ (มัธยฐาน)"),
    "p90": ("Time per request, 90 %", "请求耗时（90 %）", "เวลาต่อคำขอ (90 %)"),
    "p99": ("Time per request, 99 %", "请求耗时（99 %）", "เวลาต่อคำขอ (99 %)"),
    "throughput": ("Requests per second", "每秒请求数", "คำขอต่อวินาที"),
    "failed": ("Not answered, scored as empty", "未应答（按空结果计）", "ไม่ได้คำตอบ (นับเป็นว่าง)"),
    "how": ("What is compared: ", "比较方式：", "วิธีเปรียบเทียบ: "),
    "thai": (
        "NFC, lower case, without punctuation, symbols and spaces; words by newmm (PyThaiNLP).",
        "NFC、小写，去除标点、符号和空格；按 newmm（PyThaiNLP）分词。",
        "NFC ตัวพิมพ์เล็ก ไม่นับเครื่องหมายวรรคตอน สัญลักษณ์ และช่องว่าง ตัดคำด้วย newmm (PyThaiNLP)",
    ),
    "chinese": (
        "NFKC, lower case, without punctuation, symbols and spaces; by characters.",
        "NFKC、小写，去除标点、符号和空格；按字计算。",
        "NFKC ตัวพิมพ์เล็ก ไม่นับเครื่องหมายวรรคตอน สัญลักษณ์ และช่องว่าง นับเป็นอักขระ",
    ),
    "spaced": (
        "NFKC, lower case, without punctuation and symbols; words as spaces divide them.",
        "NFKC、小写，去除标点和符号；按空格分词。",
        "NFKC ตัวพิมพ์เล็ก ไม่นับเครื่องหมายวรรคตอนและสัญลักษณ์ แบ่งคำด้วยช่องว่าง",
    ),
    "exact": (
        "an entity is right if its start, its end and its type are.",
        "起始、结束和类型都一致才算正确。",
        "ชื่อเฉพาะถูกต้องเมื่อจุดเริ่ม จุดสิ้นสุด และชนิดตรงกัน",
    ),
    "bleu": (
        "BLEU by pycocoevalcap, times 100.",
        "BLEU 由 pycocoevalcap 计算，乘以 100。",
        "BLEU โดย pycocoevalcap คูณ 100",
    ),
    "times": (
        "Times are from sending to the answer; percentiles are interpolated.",
        "耗时从发送到收到应答；百分位数经插值。",
        "เวลานับจากส่งจนได้คำตอบ เปอร์เซ็นไทล์คำนวณแบบประมาณค่าในช่วง",
    ),
    "types": ("By type", "按类型", "ตามชนิด"),
    "type": ("Type", "类型", "ชนิด"),
    "bad": (
        "Cases without a usable reference, which aren't scored: {count}",
        "{count} 条没有可用的参考，未计分：",
        "{count} รายการไม่มีข้อมูลอ้างอิงที่ใช้ได้และไม่ถูกประเมิน:",
    ),
    "worst": ("Worst cases first", "最差的在前", "เรียงจากแย่ที่สุด"),
    "by": ("Worst by", "排序依据", "เรียงตาม"),
    "case": ("Case", "样本", "รายการ"),
    "reference": ("Reference", "参考", "อ้างอิง"),
    "seconds": ("s", "秒", "วินาที"),
    "missed": ("missed", "漏掉", "ขาดหาย"),
    "extra": ("wrong", "错误", "ผิด"),
    "more": ("Show more", "显示更多", "แสดงเพิ่ม"),
    "csv": ("Download the full table (CSV)", "下载完整表格（CSV）", "ดาวน์โหลดตารางทั้งหมด (CSV)"),
}
