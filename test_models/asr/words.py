"""What the page's own scripts say."""

from test_models.labels import Labels, add

add(
    {
        "asr-models": ("Models", "模型", "โมเดล"),
        "asr-send": ("Transcribe", "转写", "ถอดเสียง"),
    }
)
OPTIONS: Labels = {  # by parameter; an -info is a hint, a =CHOICE one of its values
    "word_timestamps": ("Times of words", "逐词时间", "เวลาของแต่ละคำ"),
    "speakers": ("Who speaks", "说话人", "ผู้พูด"),
    "speakers-info": (
        "Say who says what; give the number if you know it",
        "标出每句话是谁说的；若知道人数请选择",
        "ระบุว่าใครพูดอะไร เลือกจำนวนคนถ้าทราบ",
    ),
    "speakers=off": ("Not asked", "不区分", "ไม่ระบุ"),
    "speakers=auto": ("Find out how many", "自动判断人数", "หาจำนวนคนเอง"),
    **{f"speakers={n}": (f"{n} people", f"{n} 人", f"{n} คน") for n in range(2, 11)},
    "min_speakers": ("Fewest people", "最少人数", "จำนวนคนอย่างน้อย"),
    "min_speakers-info": (
        "Where the number is to be found out",
        "仅用于自动判断人数时",
        "ใช้เมื่อให้หาจำนวนคนเอง",
    ),
    "max_speakers": ("Most people", "最多人数", "จำนวนคนอย่างมาก"),
    "max_speakers-info": (
        "Where the number is to be found out",
        "仅用于自动判断人数时",
        "ใช้เมื่อให้หาจำนวนคนเอง",
    ),
    "channels": ("Channels", "声道", "ช่องเสียง"),
    "channels-info": (
        "Separate: each side of a call has a channel",
        "分开：通话双方各占一个声道",
        "แยก: แต่ละฝ่ายของสายโทรศัพท์อยู่คนละช่อง",
    ),
    "channels=mix": ("Mixed", "混合", "รวมกัน"),
    "channels=left": ("Left", "左", "ซ้าย"),
    "channels=right": ("Right", "右", "ขวา"),
    "channels=separate": ("Separate", "分开", "แยกกัน"),
    "voices": ("Enrolled voices", "已登记的声音", "เสียงที่ลงทะเบียนไว้"),
    "voices-info": (
        "With speakers: the content of voices.json, which enroll.py writes",
        "与说话人一起使用：enroll.py 写出的 voices.json 的内容",
        "ใช้ร่วมกับผู้พูด: เนื้อหาของ voices.json ที่ enroll.py เขียน",
    ),
    "vad": ("Find speech first", "先检测语音", "ตรวจหาเสียงพูดก่อน"),
    "denoise": ("Reduce noise", "降噪", "ลดเสียงรบกวน"),
    "language": ("Language", "语言", "ภาษา"),
    "language-info": ("auto: it is detected", "auto：自动检测", "auto: ตรวจหาอัตโนมัติ"),
    "script": ("Chinese script", "汉字", "อักษรจีน"),
    "script-info": (
        "Simplified, traditional, or as it is heard",
        "简体、繁体，或保持原样",
        "ตัวย่อ ตัวเต็ม หรือตามที่ได้ยิน",
    ),
    "script=simplified": ("简体", "简体", "简体"),
    "script=traditional": ("繁體", "繁體", "繁體"),
    "script=as_is": ("简 / 繁", "简 / 繁", "简 / 繁"),
    "beam_size": ("Beam size", "束宽", "ขนาดบีม"),
    "initial_prompt": ("Prompt", "提示词", "ข้อความนำ"),
    "initial_prompt-info": (
        "Names to spell, or a style",
        "需要写对的名称，或文风",
        "ชื่อที่ต้องสะกดให้ถูก หรือรูปแบบการเขียน",
    ),
}
WORDS: Labels = {
    # the player
    "recording": ("Recording", "录音", "ไฟล์เสียง"),
    "play": ("Play", "播放", "เล่น"),
    "pause": ("Pause", "暂停", "หยุดชั่วคราว"),
    "position": ("Position in seconds", "播放位置（秒）", "ตำแหน่ง (วินาที)"),
    "unplayable": (
        "This browser can't play the recording; it can be transcribed all the same.",
        "此浏览器无法播放该录音，但仍可转写。",
        "เบราว์เซอร์นี้เล่นไฟล์เสียงไม่ได้ แต่ยังถอดเสียงได้",
    ),
    # the transcripts
    "transcripts": ("Transcripts", "转写结果", "ผลการถอดเสียง"),
    "working": ("Transcribing", "正在转写", "กำลังถอดเสียง"),
    "give-up": ("Stop transcribing", "停止转写", "หยุดถอดเสียง"),
    "given-up": (
        "Stopped: this is what was heard by then.",
        "已停止：以下是此前转写的内容。",
        "หยุดแล้ว: นี่คือส่วนที่ถอดเสียงได้ก่อนหยุด",
    ),
    "answered": ("answered in", "用时", "ใช้เวลา"),
    "failed": ("failed", "失败", "ไม่สำเร็จ"),
    "silent": ("No speech was found.", "未检测到语音。", "ไม่พบเสียงพูด"),
    "language": ("Language", "语言", "ภาษา"),
    "duration": ("Duration", "时长", "ความยาว"),
    "took": ("Took", "耗时", "ใช้เวลา"),
    "seconds": ("s", "秒", "วินาที"),
    "segments": ("Segments", "分段", "ช่วงเสียง"),
    "unsaved": (
        "The file wasn't made: the pages' server doesn't answer. Try again.",
        "未能生成文件：页面服务器没有响应。请重试。",
        "สร้างไฟล์ไม่สำเร็จ: เซิร์ฟเวอร์ไม่ตอบสนอง โปรดลองอีกครั้ง",
    ),
    # who speaks
    "people": ("Speakers", "说话人", "ผู้พูด"),
    "speaker": ("speaker", "说话人", "ผู้พูด"),
    "name": ("Name", "姓名", "ชื่อ"),
    "same": ("Same person as", "与此人相同", "คนเดียวกับ"),
    "join": ("Join", "合并", "รวม"),
    "undo": ("Undo", "撤销", "เลิกทำ"),
    "overlap": ("others speak, too", "同时有人说话", "มีผู้อื่นพูดพร้อมกัน"),
    "download": ("Download", "下载", "ดาวน์โหลด"),
    "legend": ("Words by confidence", "按置信度标记", "ความมั่นใจของแต่ละคำ"),
    "sure": ("sure", "确定", "มั่นใจ"),
    "fair": ("less sure", "不太确定", "ไม่ค่อยมั่นใจ"),
    "unsure": ("unsure", "不确定", "ไม่มั่นใจ"),
    # the microphone
    "speak": ("Speak", "开始说话", "เริ่มพูด"),
    "stop": ("Stop", "停止", "หยุด"),
    "finishing": ("Finishing", "正在完成", "กำลังสรุป"),
    "level": ("Level of the microphone", "麦克风音量", "ระดับเสียงไมโครโฟน"),
    "spoken": ("Live text", "实时文字", "ข้อความสด"),
    "by": ("live text by", "实时转写模型：", "ข้อความสดโดย"),
    "final": ("Final text", "最终文字", "ข้อความสุดท้าย"),
    "insecure": (
        "The browser gives the microphone to pages on https or localhost only.",
        "浏览器只允许 https 或 localhost 页面使用麦克风。",
        "เบราว์เซอร์ให้ใช้ไมโครโฟนได้เฉพาะหน้าเว็บแบบ https หรือ localhost",
    ),
    "refused": (
        "The microphone can't be used: allow it in the browser's settings.",
        "无法使用麦克风：请在浏览器设置中允许。",
        "ใช้ไมโครโฟนไม่ได้: โปรดอนุญาตในการตั้งค่าเบราว์เซอร์",
    ),
    "lost": (
        "The connection was lost; what was recorded can be transcribed below.",
        "连接已断开；已录制的内容仍可转写。",
        "การเชื่อมต่อขาดหาย ยังถอดเสียงส่วนที่บันทึกไว้ได้",
    ),
}
