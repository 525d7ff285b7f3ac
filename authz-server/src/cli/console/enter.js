// Comes in with the secret of the link. It is behind `#`, so no server and no log has seen it, and it must not stay in the address.

const secret = location.hash.slice(1);
if (secret !== "") {
  history.replaceState(null, "", "/");
  const answer = await fetch("/enter", { method: "POST", body: secret });
  if (answer.ok) location.replace("/console/");
}
