// Telling a person who looks elsewhere: the title, a sound if it was asked for, a line at the bottom.
import { byId, say } from "../dom.js";

const title = document.title;
let context = null;

export function showUnread(count) {
  document.title = count ? `(${count}) ${title}` : title;
}

export function toast(text) {
  const box = byId("toast");
  say(box, text);
  box.hidden = !text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (box.hidden = true), 6000);
}

/** A button that switches the sound; browsers allow sound only after a person touched the page. */
export function soundSwitch(button) {
  const show = (isOn) => {
    button.setAttribute("aria-pressed", String(isOn));
    say(button, isOn ? "Sound on" : "Sound off");
  };
  show(stored("lockstep.sound") === "on");
  button.addEventListener("click", () => {
    const isOn = stored("lockstep.sound") !== "on";
    store("lockstep.sound", isOn ? "on" : "off");
    show(isOn);
    if (isOn) chime();
  });
}

/** Two soft tones, the second one higher; nothing where it was not asked for. */
export function chime(first = 587, second = 784) {
  if (stored("lockstep.sound") !== "on") return;
  context ??= new AudioContext();
  context.resume();
  [first, second].forEach((frequency, index) => {
    const at = context.currentTime + index * 0.13;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.09, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.32);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.34);
  });
}

export function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // then the choice lasts as long as the page
  }
}
