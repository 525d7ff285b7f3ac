// The page around the verifier. It stands behind verifier.js in one script, and everything it shows is built as text.

const element = (id) => document.getElementById(id);

/** Makes an element with this text or these children. */
function make(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const list = (codes, words) => codes.map((code) => make("li", {}, make("span", {}, ...withCode(words[code] ?? code))));

/** Words, with what stands between backticks as code. */
const withCode = (words) => words.split("`").map((part, at) => (at % 2 === 1 ? make("code", {}, part) : part));

/** A text that somebody chose, so that each of its characters can be seen: none turns the line around or has no width. */
const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (letter) => letter === "\n" ? letter
  : Array.from({ length: letter.length }, (_, at) => `\\u${letter.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""));

const data = (text) => make("code", { dir: "ltr" }, visible(text));

/** A time in the reader's zone and in UTC. */
function time(milliseconds) {
  const at = new Date(Number(milliseconds));
  if (Number.isNaN(at.getTime())) return `${milliseconds} ms since 1970`;
  return `${at.toLocaleString()} (${at.toISOString().replace("T", " ").replace("Z", " UTC")})`;
}

// --- the verdict --------------------------------------------------------------------------------------------------

const SIGNS = { good: "✓", bad: "✗", open: "?" };

function verdict(kind, title, text, ...more) {
  element("verdict").replaceChildren(
    make("div", { class: `verdict ${kind}` },
      make("p", { class: "title" }, make("span", { class: "sign", "aria-hidden": "true" }, SIGNS[kind]), title),
      make("p", {}, text), ...more));
}

function unverified(text) {
  verdict("open", "Unverified", text);
  element("details").replaceChildren();
}

function refused(answer) {
  const [title, text] = OUTCOMES[answer.outcome] ?? ["Not proved", answer.outcome];
  const facts = [];
  const fact = (name, value) => facts.push(make("dt", {}, name), make("dd", {}, value));
  fact("What is wrong", PARTS[answer.part] ?? answer.part);
  if (answer.found !== undefined) fact("Found instead", data(answer.found));
  if (answer.detail !== undefined) fact("More exactly", visible(answer.detail));
  verdict("bad", `Not proved: ${title.toLowerCase()}`, text, make("dl", {}, ...facts));
  element("details").replaceChildren();
}

function proved(answer) {
  const { entry } = answer;
  const what = entry.decision === null
    ? ["Entry ", make("code", {}, entry.kind)]
    : ["Decision ", data(entry.decision.id), ": ", make("strong", {}, entry.decision.outcome)];
  verdict("good", "Proved", OUTCOMES.proved[1],
    make("p", { class: "what" }, ...what),
    make("p", {}, `Entry ${entry.index} of ${answer.checkpoint.size}, recorded ${time(entry.time)}`));
  element("details").replaceChildren(
    section("What is proved", make("ul", { class: "proves" }, ...list(answer.proves, PROVED))),
    section("What is not proved", make("ul", { class: "open" }, ...list(answer.leaves_open, LEFT_OPEN))),
    section("The path through the tree", ...path(answer)),
    section("The checkpoint", checkpoint(answer)),
    section("The entry", make("p", {}, "All of its members. In the log they stand on one line, without white space."),
      make("pre", { tabindex: "0", dir: "ltr" }, visible(setOut(entry.text)))));
}

const section = (title, ...children) => make("section", {}, make("h2", {}, title), ...children);

/** The JSON of an entry on lines. JavaScript reads it exactly: the ledger writes no larger integers and no member twice. */
function setOut(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// --- the path -----------------------------------------------------------------------------------------------------

/** The tree from the root down to the leaf: in each row the two nodes below the one that is on the path above. */
function path({ path, entry }) {
  const node = (kind, label, hash) =>
    make("div", { class: `node ${kind}` }, make("span", { class: "label" }, label), make("code", {}, hash));
  const computed = [path.leaf, ...path.steps.map((step) => step.node)];
  const rows = [...path.steps.keys()].reverse().map((at) => {
    const step = path.steps[at];
    const own = at === 0 ? node("own leaf", `the hash of entry ${entry.index}`, computed[0]) : node("own", "computed", computed[at]);
    const sibling = node("sibling", "from the proof", step.sibling);
    const above = path.steps[at + 1]; // the step whose own node is computed from these two
    const place = above === undefined ? "center" : above.side === "left" ? "right" : "left";
    return make("li", { class: `below-${place}` },
      ...(step.side === "left" ? [sibling, own] : [own, sibling]));
  });
  const top = path.steps.length === 0 ? "the hash of the only entry, which is the root" : "computed, and the same as the signed root";
  return [
    make("p", {}, "From the bottom up: each hash is computed from the two below it. The last one must be the root that the log signed."),
    make("ol", { class: "path" }, make("li", { class: "root" }, node("own root", top, computed.at(-1))), ...rows),
  ];
}

function checkpoint({ checkpoint, key }) {
  const rows = [["Log", checkpoint.origin], ["Entries", checkpoint.size], ["Root", checkpoint.root],
    ["Signed by", key.name], ["Fingerprint of this key", key.fingerprint],
    ...checkpoint.cosigned.map(({ witness, time: at }) => ["Cosigned by", `${witness}, ${time(Number(at) * 1000)}`])];
  return make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, data(value))]));
}

// --- what the person enters ---------------------------------------------------------------------------------------

let asked = 0;

async function check(verifier) {
  const turn = ++asked;
  const log = element("log").value.trim();
  const proof = element("proof").value;
  const decision = element("decision").value.trim();
  const witnesses = element("witnesses").value.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const threshold = Number(element("threshold").value);
  const key = log === "" ? null : await verifier.key(log);
  const answer = log === "" || proof.trim() === "" ? null
    : await verifier.proof({ proof, log, witnesses, threshold, ...(decision === "" ? {} : { decision }) });
  if (turn !== asked) return; // something was entered meanwhile
  element("fingerprint").textContent = key?.outcome === "key" ? `${visible(key.name)}: ${key.fingerprint}` : "";
  element("log").setAttribute("aria-invalid", String(answer?.part === "log-key"));
  if (proof.trim() === "") unverified("Put a proof below.");
  else if (log === "") unverified("Enter the log’s key. Without it nothing here is known to be true.");
  else if (GOOD.has(answer.outcome)) proved(answer);
  else refused(answer);
}

/** Puts the text of a chosen file into a field. */
function readInto(chooser, field, then) {
  element(chooser).addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file === undefined) return;
    element(field).value = file.size > 1024 * 1024 ? "" : await file.text();
    then();
  });
}

async function start() {
  const bytes = Uint8Array.from(atob(element("module").textContent.trim()), (letter) => letter.charCodeAt(0));
  const verifier = await compileVerifier(bytes);
  const again = () => check(verifier);
  // A browser that comes back to this page would fill in what was entered before. The key is entered each time.
  element("form").reset();
  for (const field of ["log", "proof", "decision", "witnesses", "threshold"]) element(field).addEventListener("input", again);
  readInto("log-file", "log", again);
  readInto("proof-file", "proof", again);
  element("form").addEventListener("submit", (event) => event.preventDefault());
  await again();
}

start().catch(() => verdict("bad", "Not checked", "This browser cannot run the verifier. Nothing is proved."));
