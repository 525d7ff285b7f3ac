// Makes pages more convenient; each works without it. It never writes markup: texts are set as texts.

// The time in the reader's zone, beside the one in UTC.
const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
for (const time of document.querySelectorAll("time[datetime]")) {
  const instant = new Date(time.dateTime);
  if (!Number.isNaN(instant.valueOf())) time.title = zone.format(instant);
}

// Whether the record has grown since this page was made. The page stays as it is until the reader asks for a new one.
const span = document.getElementById("span");
const newer = document.getElementById("newer");
if (span && newer && new URLSearchParams(location.search).get("from") === null) {
  const madeFrom = Number(span.dataset.asOf);
  const news = new EventSource("/console/events");
  news.addEventListener("message", ({ data }) => {
    const more = Number(data) - madeFrom;
    if (!(more > 0) || !newer.hidden) return;
    const again = document.createElement("a");
    again.href = location.href;
    again.textContent = "Load it again";
    newer.replaceChildren("The record has grown since this page was made. ", again);
    newer.hidden = false;
    news.close();
  });
  addEventListener("pagehide", () => news.close());
}

// Forms that change something: one call to the API each. Then the reader sees how the proxies learn of it.
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const call = async (method, path, body) => {
  const options = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error([said.title, said.detail, said.cure].filter(Boolean).join(". ") || `status ${answer.status}`);
  return said;
};

const membersOf = (form) => {
  const members = {};
  for (const input of form.querySelectorAll("[name]")) {
    if (input.value === "") continue;
    members[input.name] = input.dataset.number === undefined ? input.value : Number(input.value);
  }
  return members;
};

// A proxy has a fact when both numbers are above its entry. One whose statement has ended denies everything, so it has it too.
const tellProxies = async (index, tell) => {
  for (let tries = 0; tries < 80; tries += 1) {
    const { proxies, now } = await call("GET", "/v1/proxies");
    const have = proxies.filter((proxy) => proxy.seq > index && proxy.judged > index).length;
    const wait = proxies.filter((proxy) => !(proxy.seq > index && proxy.judged > index) && proxy.until > now).length;
    tell(`On record as entry ${index}. ${have} of ${have + wait} proxies have it.`);
    if (wait === 0) return true;
    await pause(500);
  }
  return false;
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
      const all = await tellProxies(index, tell).catch(() => null);
      const again = document.createElement("a");
      again.href = location.href;
      again.textContent = "Load the page again";
      if (all === true) told.append(" Every proxy has it. ", again);
      else told.append(all === null ? " You may not see the proxies. " : " Some are late; they deny everything when their statement ends. ", again);
    } catch (refused) {
      tell(`Not done. ${refused.message}`);
      button.disabled = false;
    }
  });
}
