// Makes pages more convenient; each works without it. It never writes markup: texts are set as texts.

// The time in the reader's zone, beside the one in UTC.
const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
for (const time of document.querySelectorAll("time[datetime]")) {
  const instant = new Date(time.dateTime);
  if (!Number.isNaN(instant.valueOf())) time.title = zone.format(instant);
}

// Whether the record has grown since this page was made. The page stays as it is until the reader asks for a new one. A browser opens few
// connections to one server, so a page that nobody looks at has none.
const here = location.pathname + location.search;
const span = document.getElementById("span");
const newer = document.getElementById("newer");
if (span && newer && new URLSearchParams(location.search).get("from") === null) {
  const madeFrom = Number(span.dataset.asOf);
  let news = null;
  const stop = () => {
    news?.close();
    news = null;
  };
  const say = (...parts) => {
    newer.replaceChildren(...parts);
    newer.hidden = false;
  };
  const start = () => {
    if (news !== null || document.hidden) return;
    news = new EventSource("/console/events");
    news.addEventListener("message", ({ data }) => {
      if (!(Number(data) > madeFrom)) return;
      const again = document.createElement("a");
      again.href = here;
      again.textContent = "Load it again";
      say("The record has grown since this page was made. ", again);
      document.removeEventListener("visibilitychange", change);
      stop();
    });
    news.addEventListener("error", () => {
      if (news?.readyState === EventSource.CLOSED) say("This page is not told any more when the record grows.");
    });
  };
  const change = () => (document.hidden ? stop() : start());
  document.addEventListener("visibilitychange", change);
  addEventListener("pagehide", stop);
  start();
}

// Forms that change something: one call to the API each. Then the reader sees how the proxies learn of it.
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// What the API refused is not done. Of everything else that goes wrong nobody knows here whether it is done.
class Refused extends Error {}

const call = async (method, path, body) => {
  const options = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  const said = await answer.json();
  if (answer.ok) return said;
  if (said.code === undefined || answer.status >= 500) throw new Error(`status ${answer.status}`);
  throw new Refused([said.title, said.detail, said.cure].filter(Boolean).join(". "));
};

const membersOf = (form) => {
  const members = {};
  for (const input of form.querySelectorAll("[name]")) {
    // A space at the end, from a clipboard, would be another name.
    const value = input.type === "hidden" ? input.value : input.value.trim();
    if (value === "") continue;
    members[input.name] = input.dataset.number === undefined ? value : Number(value);
  }
  return members;
};

// A proxy has a fact when both numbers are above its entry. One whose statement has ended without it denies everything. Shortly after a
// start the server does not know every proxy that holds a statement (`complete_from`).
const tellProxies = async (index, tell) => {
  const late = new Set();
  for (let tries = 0; tries < 80; tries += 1) {
    const { proxies, now, complete_from: completeFrom } = await call("GET", "/v1/proxies");
    const has = (proxy) => proxy.seq > index && proxy.judged > index;
    const have = proxies.filter(has).length;
    const waiting = proxies.filter((proxy) => !has(proxy) && proxy.until > now);
    for (const proxy of proxies) {
      const name = `${proxy.id} ${proxy.instance}`;
      if (has(proxy)) late.delete(name);
      else if (proxy.until <= now) late.add(name);
    }
    const isComplete = now >= completeFrom;
    const of = isComplete ? "" : " The server has just started, and does not know all proxies yet.";
    tell(`On record as entry ${index}. Proxies that have it: ${have}. Proxies that do not have it yet: ${waiting.length}.${of}`);
    if (waiting.length === 0 && isComplete) {
      const denying = late.size === 0 ? "" : ` ${late.size} did not get it and deny everything.`;
      return ` Nothing runs without it any more.${denying} `;
    }
    await pause(500);
  }
  return " Some proxies are late; each denies everything when its statement ends, after 30 s at most. ";
};

for (const act of document.querySelectorAll("[data-act]")) {
  act.hidden = false;
  const form = act.querySelector("form");
  const told = form.querySelector(".told");
  const tell = (text) => told.replaceChildren(text);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    tell("Asking …");
    try {
      const { index } = await call(form.dataset.method, form.dataset.call, membersOf(form));
      tell(`On record as entry ${index}.`);
      const unseen = " Which proxies have it you may not see, or the server does not answer. ";
      const proxies = await tellProxies(index, tell).catch(() => unseen);
      const again = document.createElement("a");
      again.href = here;
      again.textContent = "Load the page again";
      told.append(proxies, again);
    } catch (wrong) {
      const isRefused = wrong instanceof Refused;
      tell(
        isRefused
          ? `Not done. ${wrong.message}`
          : `It is not known whether this is on record (${wrong.message}). Load the page again, and look, before you try again.`,
      );
      button.disabled = !isRefused;
    }
  });
}
