// Keeps a page up to date: fetches it again and puts what has changed in its place. What has not changed is left
// alone, and so are the focus, a selection, and what somebody has opened.
"use strict";

const INTERVAL = 2000;
const LONGEST_PAUSE = 30000;

const button = document.getElementById("live");
const notice = document.getElementById("lost");
const main = document.getElementById("main");

let wanted = true;
let timer = null;
let failures = 0;
let lostSince = 0;

function patch(old, now) {
  if (old.isEqualNode(now)) return;
  if (old.nodeName !== now.nodeName) return old.replaceWith(document.adoptNode(now));
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = now.nodeValue;
    return;
  }
  patchAttributes(old, now);
  patchChildren(old, now);
}

// Whether something is open is up to who looks at it.
function patchAttributes(old, now) {
  const own = (name) => name === "open";
  for (const { name } of [...old.attributes]) {
    if (!own(name) && !now.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (!own(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// An element with an id is matched with the one of the same id: a row that comes in above moves the others down.
function patchChildren(old, now) {
  const ids = new Set([...now.children].map((child) => child.id).filter(Boolean));
  let place = old.firstChild;
  const drop = () => {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  };
  for (const child of [...now.childNodes]) {
    while (place && place.id && !ids.has(place.id)) drop();
    const fits = place && (place.id || "") === (child.id || "") && place.nodeName === child.nodeName;
    if (fits) {
      const next = place.nextSibling;
      patch(place, child);
      place = next;
    } else {
      const twin = child.id && [...old.children].find((other) => other.id === child.id);
      if (twin) twin.remove();
      old.insertBefore(document.adoptNode(child), place);
    }
  }
  while (place) drop();
}

async function look() {
  const response = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
  if (response.status === 401 || response.status === 403) {
    wanted = false;
    return say("The gateway asks who you are: load the page again.");
  }
  if (response.status >= 500) throw new Error(`the gateway answers ${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("main");
  if (!fresh) throw new Error("the answer is no page of the gateway");
  patch(main, fresh);
  document.title = page.title;
  failures = 0;
  lostSince = 0;
  say("");
}

function trouble(error) {
  failures += 1;
  lostSince ||= Date.now();
  const seconds = Math.round((Date.now() - lostSince) / 1000);
  const why = error instanceof TypeError ? "the gateway cannot be reached" : error.message;
  say(`This is the last that was seen: ${why}${seconds ? ` for ${seconds} s` : ""}. Trying again.`);
}

function say(words) {
  notice.textContent = words;
  notice.hidden = !words;
}

function goesOn() {
  return wanted && !document.hidden && !("still" in main.dataset);
}

function plan() {
  clearTimeout(timer);
  button.textContent = wanted ? "Live" : "Paused";
  button.setAttribute("aria-pressed", String(wanted));
  button.hidden = "still" in main.dataset;
  if (!goesOn()) return;
  timer = setTimeout(async () => {
    await look().catch(trouble);
    plan();
  }, Math.min(INTERVAL * 2 ** Math.min(failures, 8), LONGEST_PAUSE));
}

button.addEventListener("click", () => {
  wanted = !wanted;
  plan();
});
document.addEventListener("visibilitychange", plan);
plan();
