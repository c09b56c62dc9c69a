// The microphone as 16 kHz mono int16 samples, whatever the device's own rate is.
const RATE = 16000;  // Hz
const LOBES = 16;  // of the resampler's filter, on each side
const FINE = 128;  // entries of its table to one sample
const SEND = RATE / 10;  // samples that are given on together

// Runs in the audio thread: gives on the channels' mean, some milliseconds at a time.
const CAPTURE = `
registerProcessor("capture", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.kept = new Float32Array(2048);
    this.size = 0;
  }
  process([channels]) {
    if (!channels.length) return true;
    for (let n = 0; n < channels[0].length; n++) {
      let sum = 0;
      for (const channel of channels) sum += channel[n];
      this.kept[this.size++] = sum / channels.length;
      if (this.size === this.kept.length) {
        this.port.postMessage(this.kept);
        this.size = 0;
      }
    }
    return true;
  }
});`;

// Resamples by a windowed sinc (Hann), with the cut-off below the lower one of the two rates' halves.
class Resampler {
  constructor(from, to) {
    this.step = from / to;
    const cut = 0.46 * Math.min(1, to / from) * 2;  // of half the incoming rate
    this.reach = Math.ceil(LOBES * Math.max(1, from / to));
    this.table = new Float32Array(this.reach * FINE + 1);
    for (let n = 0; n < this.table.length; n++) {
      const x = n / FINE, angle = Math.PI * cut * x;
      const window = 0.5 + 0.5 * Math.cos(Math.PI * x / this.reach);
      this.table[n] = cut * (n ? Math.sin(angle) / angle : 1) * window;
    }
    this.kept = new Float32Array(this.reach);  // silence before the beginning
    this.next = this.reach;  // where in `kept` the next sample falls
  }

  // More of the sound, Float32Array; the samples that can be given by now, Int16Array.
  push(sound) {
    const all = new Float32Array(this.kept.length + sound.length);
    all.set(this.kept);
    all.set(sound, this.kept.length);
    const count = Math.max(0, Math.ceil((all.length - this.reach - 1 - this.next) / this.step));
    const given = new Int16Array(count);
    for (let n = 0; n < count; n++, this.next += this.step) {
      let sum = 0;
      for (let at = Math.ceil(this.next - this.reach); at <= this.next + this.reach; at++) {
        sum += all[at] * this.table[Math.round(Math.abs(at - this.next) * FINE)];
      }
      given[n] = Math.max(-32768, Math.min(32767, Math.round(sum * 32768)));
    }
    const done = Math.max(0, Math.floor(this.next) - this.reach);
    this.kept = all.slice(done);
    this.next -= done;
    return given;
  }

  // What is left at the end.
  rest() {
    return this.push(new Float32Array(this.reach + 1));
  }
}

// Opens the microphone; `heard(samples, level)` gets int16 samples and their level, 0 to 1.
// Gives {stop}, which gives the last samples on, too.
async function openMicrophone(heard) {
  const stream = await navigator.mediaDevices.getUserMedia(
    {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: true}});
  const context = new AudioContext();
  const source = URL.createObjectURL(new Blob([CAPTURE], {type: "text/javascript"}));
  try {
    await context.audioWorklet.addModule(source);
  } finally {
    URL.revokeObjectURL(source);
  }
  const resampler = new Resampler(context.sampleRate, RATE);
  const capture = new AudioWorkletNode(context, "capture", {numberOfOutputs: 0});
  let waiting = [];
  let size = 0;
  function take(samples, last = false) {
    waiting.push(samples);
    size += samples.length;
    if (!size || (size < SEND && !last)) return;
    const all = joined(waiting);
    [waiting, size] = [[], 0];
    heard(all, levelOfSound(all));
  }
  capture.port.onmessage = event => take(resampler.push(event.data));
  context.createMediaStreamSource(stream).connect(capture);
  await context.resume();
  return {
    async stop() {
      for (const track of stream.getTracks()) track.stop();
      capture.port.onmessage = null;
      take(resampler.rest(), true);
      await context.close();
    },
  };
}

function joined(parts) {
  const all = new Int16Array(parts.reduce((sum, one) => sum + one.length, 0));
  let place = 0;
  for (const one of parts) {
    all.set(one, place);
    place += one.length;
  }
  return all;
}

// 0 for -60 dB of full scale and less, 1 for 0 dB.
function levelOfSound(samples) {
  const power = samples.reduce((sum, one) => sum + (one / 32768) ** 2, 0) / samples.length;
  return Math.min(1, Math.max(0, 1 + 10 * Math.log10(power + 1e-9) / 60));
}

// A WAV file of int16 samples.
function wavOf(samples, name) {
  const head = new DataView(new ArrayBuffer(44));
  const letters = (at, text) => [...text].forEach((one, n) => head.setUint8(at + n, one.charCodeAt(0)));
  letters(0, "RIFF");
  head.setUint32(4, 36 + samples.byteLength, true);
  letters(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);  // PCM
  head.setUint16(22, 1, true);  // mono
  head.setUint32(24, RATE, true);
  head.setUint32(28, RATE * 2, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  letters(36, "data");
  head.setUint32(40, samples.byteLength, true);
  return new File([head, samples], name, {type: "audio/wav"});
}
