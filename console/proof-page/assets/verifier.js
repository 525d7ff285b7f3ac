// Checks proofs and checkpoints with the ledger's own code, which is a Wasm module, and has the words for what comes out.
//
// The module imports nothing: it can neither fetch nor store anything. Keys come from the caller, who has them from the person.
// Works under `script-src 'self' 'wasm-unsafe-eval'`. Every text in an answer is data: show it as text, never as markup.

/** Fetches the module and checks that it is one. */
export async function fetchVerifier(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the verifier cannot be loaded: ${answer.status}`);
  return compileVerifier(await answer.arrayBuffer());
}

/** The verifier from the bytes of its module. */
export async function compileVerifier(bytes) {
  return new Verifier(await WebAssembly.compile(bytes));
}

export class Verifier {
  #module;

  constructor(module) {
    this.#module = module;
  }

  /**
   * Does this proof hold? `log` is the log's verification key, as the person has it. Optional: `decision` (the id that was asked
   * for), `witnesses` (their keys) and `threshold` (how many of them must have cosigned).
   */
  proof({ proof, log, decision, witnesses, threshold }) {
    return this.#call({ call: "proof", proof, log, decision, witnesses, threshold });
  }

  /** Did the log only grow between two checkpoints? `proof` connects them, and `newer` may be left out if it is in the proof. */
  checkpoints({ log, older, newer, proof }) {
    return this.#call({ call: "checkpoints", log, older, newer, proof });
  }

  /** Which key is this, and what is its fingerprint? */
  key(key) {
    return this.#call({ call: "key", key });
  }

  // Each call has an instance of its own: nothing of one call reaches the next, and one that stops spoils no other.
  async #call(question) {
    try {
      const { exports } = await WebAssembly.instantiate(this.#module);
      const call = new TextEncoder().encode(JSON.stringify(question));
      const at = exports.input(call.length);
      if (at === 0) return { outcome: "too-long", part: "call" };
      new Uint8Array(exports.memory.buffer, at, call.length).set(call);
      const from = exports.answer();
      const answer = new Uint8Array(exports.memory.buffer, from, exports.length());
      return JSON.parse(new TextDecoder().decode(answer));
    } catch {
      return { outcome: "verifier-stopped", part: "call" };
    }
  }
}

/** The outcomes that are good. Everything else proves nothing, except `forked`: that proves that the log was rewritten. */
export const GOOD = new Set(["proved", "consistent", "key"]);

/** For each outcome: the verdict, and what it means and what to do. */
export const OUTCOMES = {
  "proved": ["Proved", "The entry is in the log, and the log’s key signed it."],
  "consistent": ["Consistent", "The log only grew between these two checkpoints."],
  "key": ["A verification key", "Compare its fingerprint with one that you got elsewhere."],
  "forked": ["The log was rewritten",
    "The log’s key signed two checkpoints that contradict each other. Keep both: together they are evidence against the log."],
  "bad-call": ["Not checked", "The question to the verifier is incomplete. Did you ask for more witnesses than you gave keys of?"],
  "too-long": ["Not checked", "This is longer than any proof."],
  "verifier-stopped": ["Not checked", "The verifier itself stopped. Nothing is proved. Please report this."],
  "bad-key": ["Not a key", "This is not the verification key that belongs here. A log’s key is one line: name, id and key, joined with +."],
  "not-a-proof": ["Not a proof", "This text does not have the form of a proof. Was a part of it lost or changed?"],
  "not-a-checkpoint": ["Not a checkpoint", "The text of the checkpoint does not have the form of one. Was a part of it lost or changed?"],
  "another-log": ["Another log", "The checkpoint is of a log with another name than your key. It proves nothing about your log."],
  "another-key": ["Another key", "Your key did not sign this checkpoint. Another key did, or somebody changed the line of the signature."],
  "checkpoint-signature": ["The signature is wrong",
    "The log’s key did not sign this checkpoint as it stands: its name, size, root or signature was changed."],
  "witness-signature": ["A witness’s signature is wrong", "The cosignature in the name of one of your witnesses is forged, or was changed."],
  "too-few-witnesses": ["Too few witnesses", "Fewer of your witnesses have cosigned this checkpoint than you asked for."],
  "entry-not-canonical": ["The entry was changed", "This is not an entry as the ledger writes one: its bytes were changed, or it never was one."],
  "size-mismatch": ["The path does not fit", "The index and the number of hashes do not fit the size of the checkpoint."],
  "another-root": ["Another root",
    "The path leads to a root that the log did not sign: the entry, its index or a hash of the path was changed."],
  "wrong-decision": ["Another decision", "The proof holds, but it is not about the decision that you asked for. Whoever gave it to you answered another question."],
  "proof-needed": ["A proof is needed", "The checkpoints have different sizes. Only a consistency proof shows whether one continues the other."],
  "proof-of-others": ["A proof of others", "The proof does not begin and end at these two checkpoints."],
  "unproved": ["Not proved",
    "The proof does not connect these two checkpoints. Either the log was rewritten between them, or the proof is damaged. Ask for it again, elsewhere if you can. If no proof connects them, the log was rewritten."],
};

/** For each part that an outcome can be about: its name. */
export const PARTS = {
  "call": "the question",
  "log-key": "the log’s key",
  "witness-key": "the key of a witness",
  "proof": "the form of the proof",
  "entry": "the entry",
  "path": "the path",
  "checkpoint": "the checkpoint",
  "witnesses": "the cosignatures",
  "decision": "the decision",
  "older": "the older checkpoint",
  "newer": "the newer checkpoint",
};

/** What is proved. */
export const PROVED = {
  "entry-in-log": "This entry, byte for byte, is in the log at this index. Nobody can change it later without being noticed.",
  "signed-by-log": "The key that you entered signed it.",
  "decision-asked-for": "It is the decision that you asked for.",
  "seen-by-witnesses": "As many of your witnesses as you asked for have seen this state of the log.",
  "only-grew": "Every entry of the older checkpoint is in the newer one, unchanged and at the same place.",
  "two-histories": "Whoever holds the log’s key signed two histories that contradict each other.",
};

/** What is not proved, however good the proof is. */
export const LEFT_OPEN = {
  "which-decision": "Whether it is the decision that you mean. Compare its id, or enter the id that you asked for.",
  "judged-right": "Whether the policy of that time really decides so: `portcullis ledger replay` judges it again.",
  "how-it-ended": "Whether the request reached its destination and how it ended: that is an entry of its own.",
  "same-for-all": "Whether everybody is shown the same log. Only witnesses, or a comparison of checkpoints, show that.",
  "times": "Whether the times are right: they are what the server’s clock said.",
  "other-entries": "Whether the other entries of the log hold: `portcullis ledger verify` checks all of them.",
};
