// A recording to listen to: its waveform, play and pause, and a position that keys move, too.
const words = theresa.labels(props.labels);
const {make} = theresa;
const LONGEST = 1800;  // seconds whose waveform is drawn: the browser decodes all of it for that
const PEAKS = 2000;  // of the waveform, at most
const BAR = 3;  // pixels from one bar to the next
const STEP = 1, LEAP = 10;  // seconds that keys move

// Minutes, seconds and tenths.
function clock(seconds) {
  const tenths = Math.round(Math.max(0, seconds || 0) * 10);
  const [minutes, rest] = [Math.floor(tenths / 600), tenths % 600];
  return `${minutes}:${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
}

// The largest level in each of equal stretches, 0 to 1 of the largest of all.
function peaksOf(sound) {
  const count = Math.min(PEAKS, sound.length);
  const peaks = new Float32Array(count);
  for (let n = 0; n < count; n++) {
    const end = Math.floor((n + 1) * sound.length / count);
    for (let at = Math.floor(n * sound.length / count); at < end; at++) {
      peaks[n] = Math.max(peaks[n], Math.abs(sound[at]));
    }
  }
  const loudest = peaks.reduce((a, b) => Math.max(a, b), 1e-4);
  return peaks.map(one => one / loudest);
}

function newPlayer(moved) {
  const audio = new Audio();
  const canvas = make("canvas", {"aria-hidden": "true"});
  const slider = make("div", {
    class: "wave", role: "slider", tabindex: "0", "aria-label": words.position,
    "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0",
  }, canvas);
  const toggle = make("button", {type: "button", class: "play", disabled: true});
  const time = make("span", {class: "time"});
  const name = make("span", {class: "name"});
  const note = make("p", {class: "note", hidden: true}, words.unplayable);
  const lanes = make("div", {class: "lanes", hidden: true});
  const all = make("section", {class: "player", "aria-label": words.recording, hidden: true},
    make("div", {class: "bar"}, toggle, slider), lanes, make("div", {class: "under"}, name, time), note);
  let peaks = null;
  let loaded = 0;  // recordings so far: an older one's waveform comes too late
  let length = 0;

  function show() {
    const [at, paused] = [audio.currentTime, audio.paused];
    toggle.textContent = paused ? "▶" : "❚❚";
    toggle.setAttribute("aria-label", paused ? words.play : words.pause);
    time.textContent = `${clock(at)} / ${clock(length)}`;
    slider.setAttribute("aria-valuemax", length.toFixed(1));
    slider.setAttribute("aria-valuenow", at.toFixed(1));
    slider.setAttribute("aria-valuetext", time.textContent);
    draw(length ? at / length : 0);
    lanes.style.setProperty("--at", `${length ? at / length * 100 : 0}%`);
    moved(at, !paused);
  }

  function draw(part) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const scale = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    }
    const brush = canvas.getContext("2d");
    brush.setTransform(scale, 0, 0, scale, 0, 0);
    brush.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    for (let x = 0; x < width; x += BAR) {
      const from = peaks ? Math.floor(x / width * peaks.length) : 0;
      const to = peaks ? Math.max(from + 1, Math.floor((x + BAR) / width * peaks.length)) : 0;
      const level = peaks ? peaks.subarray(from, to).reduce((a, b) => Math.max(a, b), 0) : 0;
      const high = Math.max(2, level * (height - 4));
      brush.fillStyle = style.getPropertyValue(x < part * width ? "--wave-played" : "--wave-rest");
      brush.fillRect(x, (height - high) / 2, BAR - 1, high);
    }
    if (part > 0) {
      brush.fillStyle = style.getPropertyValue("--wave-head");
      brush.fillRect(Math.min(width - 2, part * width), 0, 2, height);
    }
  }

  function seek(seconds) {
    if (!length) return;
    audio.currentTime = Math.min(length, Math.max(0, seconds));
    show();
  }

  function follow() {
    show();
    if (!audio.paused) requestAnimationFrame(follow);
  }

  async function waveform(file, number) {
    try {
      const context = new OfflineAudioContext(1, 1, 8000);
      const sound = (await context.decodeAudioData(await file.arrayBuffer())).getChannelData(0);
      if (number !== loaded) return;
      peaks = peaksOf(sound);
      slider.dataset.drawn = "true";
      show();
    } catch {
      // What the browser can't decode keeps the plain line.
    }
  }

  function load(file) {
    const number = ++loaded;
    audio.pause();
    if (audio.src) URL.revokeObjectURL(audio.src);
    audio.removeAttribute("src");
    [peaks, length] = [null, 0];
    delete slider.dataset.drawn;
    all.hidden = !file;
    note.hidden = toggle.disabled = true;
    if (!file) return;
    name.textContent = file.name;
    audio.onloadedmetadata = () => {
      length = Number.isFinite(audio.duration) ? audio.duration : 0;
      toggle.disabled = false;
      if (length <= LONGEST) waveform(file, number);
      show();
    };
    audio.onerror = () => { note.hidden = number !== loaded; };
    audio.src = URL.createObjectURL(file);
    show();
  }

  function turn() {
    if (audio.paused) audio.play().catch(() => {}); else audio.pause();
  }

  const KEYS = {
    ArrowRight: () => seek(audio.currentTime + STEP), ArrowUp: () => seek(audio.currentTime + STEP),
    ArrowLeft: () => seek(audio.currentTime - STEP), ArrowDown: () => seek(audio.currentTime - STEP),
    PageUp: () => seek(audio.currentTime + LEAP), PageDown: () => seek(audio.currentTime - LEAP),
    Home: () => seek(0), End: () => seek(length), " ": turn, Enter: turn,
  };
  slider.addEventListener("keydown", event => {
    if (!KEYS[event.key] || toggle.disabled) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  function point(event) {
    const box = slider.getBoundingClientRect();
    seek((event.clientX - box.left) / box.width * length);
  }
  slider.addEventListener("pointerdown", event => {
    slider.setPointerCapture(event.pointerId);
    point(event);
  });
  slider.addEventListener("pointermove", event => { if (event.buttons) point(event); });
  toggle.addEventListener("click", turn);
  for (const name of ["play", "pause", "ended", "seeked"]) audio.addEventListener(name, follow);
  new ResizeObserver(show).observe(canvas);
  show();
  return {
    element: all,
    lanes,  // for what has the waveform's times
    load,
    seek,
    play(seconds) {
      seek(seconds);
      audio.play().catch(() => {});
    },
  };
}
