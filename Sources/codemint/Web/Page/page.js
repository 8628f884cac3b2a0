"use strict";
// Shows the data that arrives as server-sent events. All data is inserted as text, never as HTML.
// Elements are changed in place, so that focus, selection and scroll position stay.

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// Makes a list show these items: one <li> for each key. It is made once and filled each time.
function keep(list, items, key, make, fill) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = known.get(name);
    known.delete(name);
    if (!child) {
      child = make();
      child.dataset.key = name;
    }
    fill(child, item);
    if (child !== place) list.insertBefore(child, place);
    else place = place.nextElementSibling;
  }
  for (const gone of known.values()) gone.remove();
}

function makeJob() {
  const item = element("li");
  const row = element("div", "row");
  row.append(element("strong"), element("span", "tags row"), element("span", "push"));
  const bar = element("progress");
  item.append(row, bar, element("div", "soft"), element("code"));
  return item;
}

// Shows the SQL statement that helps, or hides the element. The Tab key reaches the statement.
function setStatement(target, sql) {
  target.hidden = !sql;
  target.tabIndex = sql ? 0 : -1;
  setText(target, sql || "");
}

// The database counts only up to a hundred codes.
const some = (count) => (count >= 100 ? "100 or more" : String(count));

function fillJob(item, job) {
  const [row, bar, below, statement] = item.children;
  setText(row.children[0], `Job ${job.id}`);
  const tags = [job.state];
  if (job.held) tags.push("held");
  if (job.paused) tags.push("paused");
  keep(row.children[1], tags, (t) => t, () => element("span"), (tag, text) => {
    tag.className = `tag ${text}`;
    setText(tag, text);
  });
  setText(row.children[2], `${number.format(job.issued)} of ${number.format(job.count)} codes`);
  bar.max = job.count;
  bar.value = job.issued;
  bar.setAttribute("aria-label", `Job ${job.id}: codes issued`);
  const facts = [`reward ${job.reward_id}`];
  if (job.seconds_left !== null && job.state === "running") {
    facts.push(`about ${duration(job.seconds_left)} left`);
  }
  if (job.outstanding > 0) facts.push(`${number.format(job.outstanding)} requested`);
  if (job.surplus > 0) facts.push(`${number.format(job.surplus)} surplus`);
  if (job.sync_errors > 0) facts.push(`${some(job.sync_errors)} refused by other systems`);
  if (job.error_code) facts.push([job.error_code, job.error_message].filter(Boolean).join(": "));
  setText(below, facts.join(" · "));
  setStatement(statement, job.what_to_do);
}

function makeDoubt() {
  const item = element("li");
  const row = element("div", "row");
  row.append(element("strong"), element("span", "tag doubt"), element("span", "push"));
  item.append(row, element("div", "soft"), element("code"));
  return item;
}

function fillDoubt(item, doubt) {
  const [row, below, statement] = item.children;
  const isHeld = doubt.held_at !== null;
  setText(row.children[0], `Job ${doubt.job_id}, ${doubt.size} codes`);
  setText(row.children[1], isHeld ? "held: decide" : "being checked");
  setText(row.children[2], `for ${duration(doubt.seconds)}`);
  const facts = [`call ${doubt.call_id}`, `reward ${doubt.reward_id}`, doubt.seen];
  if (isHeld) {
    facts.push(
      `Look at the vendor for ${doubt.look_for}.`,
      `adopt: ${doubt.adopt_means}.`,
      `absent: ${doubt.absent_means}.`,
    );
  }
  setText(below, facts.join(" · "));
  setStatement(statement, isHeld && doubt.what_to_do);
}

function fillSync(item, problem) {
  const [row, below, statement] = item.children;
  const isGivenUp = problem.given_up_at !== null;
  setText(row.children[0], problem.system ? `Refused by ${problem.system}` : "Pending for a long time");
  row.children[1].className = `tag ${isGivenUp ? "failed" : "doubt"}`;
  setText(row.children[1], isGivenUp ? "given up" : problem.resyncs > 0 ? "resync requested" : "tracked");
  setText(row.children[2], `${some(problem.codes)} codes`);
  const facts = [`reward ${problem.reward_id}`, problem.error && `error: ${problem.error}`];
  if (problem.resyncs > 0) facts.push(`resync requested ${problem.resyncs} times`);
  if (problem.request_error) facts.push(`request failed: ${problem.request_error}`);
  if (!isGivenUp && problem.next_pass_at) {
    facts.push(`next check at ${new Date(problem.next_pass_at).toLocaleTimeString()}`);
  }
  setText(below, facts.filter(Boolean).join(" · "));
  setStatement(statement, problem.what_to_do);
}

function makeLine() {
  const item = element("li");
  const row = element("div", "row");
  row.append(element("strong"), element("span", "soft"), element("span", "push soft"));
  item.append(row);
  return item;
}

function fillWorker(item, worker) {
  const [name, facts, age] = item.firstElementChild.children;
  setText(name, worker.host);
  setText(facts, `process ${worker.process} · ${worker.version}${worker.draining ? " · draining" : ""}`);
  setText(age, `up ${duration((Date.now() - Date.parse(worker.started_at)) / 1000)}`);
}

function fillFact(item, fact) {
  const [row, below, statement] = item.children;
  setText(row.children[0], fact.seen);
  row.children[1].className = `tag ${fact.state === "as documented" ? "completed" : "doubt"}`;
  setText(row.children[1], fact.state);
  setText(row.children[2], `${number.format(fact.witnesses)} codes`);
  const since = `since ${new Date(fact.first_seen_at).toLocaleDateString()}`;
  const last = `last seen ${new Date(fact.last_seen_at).toLocaleDateString()}`;
  setText(below, [fact.means, since, last].filter(Boolean).join(" · "));
  setStatement(statement, null);
}

function showFacts(all) {
  const key = (fact) => `${fact.fact} ${fact.subject} ${fact.value}`;
  const contradicted = all.filter((fact) => fact.state === "contradicted");
  const others = all.filter((fact) => fact.state !== "contradicted");
  byId("contradictions-part").hidden = contradicted.length === 0;
  keep(byId("contradictions"), contradicted, key, makeDoubt, fillFact);
  byId("api-part").hidden = others.length === 0;
  keep(byId("api"), others, key, makeDoubt, fillFact);
}

function accountFacts(account) {
  const facts = [["State", account.state]];
  if (account.api) facts.push(["API", account.api]);
  if (account.codes_left_today !== null) facts.push(["Codes left today", String(account.codes_left_today)]);
  const limit = account.requests_per_second;
  const pace = account.current_requests_per_second ?? limit;
  if (limit === null) facts.push(["Pace", "no daemon has started yet"]);
  else if (pace !== limit) facts.push(["Pace", `${Number(pace.toFixed(2))} of ${limit} requests/s`]);
  else facts.push(["Pace", `${limit} requests/s`]);
  facts.push(["In flight", `${account.in_flight} of ${account.max_in_flight ?? "?"}`]);
  facts.push(["Workers", String(account.workers)]);
  return facts;
}

function showAccount(account) {
  keep(byId("account"), accountFacts(account), ([name]) => name, () => {
    const fact = element("div");
    fact.append(element("dt"), element("dd"));
    return fact;
  }, (fact, [name, value]) => {
    setText(fact.children[0], name);
    setText(fact.children[1], value);
  });
  const trouble = byId("trouble");
  trouble.hidden = !account.reason;
  trouble.classList.toggle("bad", account.state === "blocked" || account.state === "failing" || account.state === "suspended"
    || account.state === "unaccepted");
  const until = account.paused_until ? `, until ${new Date(account.paused_until).toLocaleTimeString()}` : "";
  // In the state "trying" one call is sent at a time.
  const what = account.state === "trying" ? "Trying again" : "Nothing is sent";
  setText(trouble, account.reason
    ? `${what}: ${[account.reason, account.message].filter(Boolean).join(": ")}${until}` : "");
}

// What no other part of the page explains.
function showStandstill(words, jobs) {
  const sentences = words ? [`${words[0].toUpperCase()}${words.slice(1)}.`] : [];
  if (jobs.length > 0) {
    const names = jobs.map((job) => job.job_id).join(", ");
    sentences.push(`codemint cannot tell why these jobs wait: ${names}. See codemint.waits.`);
  }
  const line = byId("standstill");
  line.hidden = sentences.length === 0;
  setText(line, sentences.join(" "));
}

function show(facts) {
  if (facts.error) {
    setText(byId("link"), facts.error);
    return;
  }
  setText(byId("link"), "live");
  if (facts.account) showAccount(facts.account);
  showStandstill(facts.standstill, facts.unexplained);
  keep(byId("job-list"), facts.jobs, (job) => job.id, makeJob, fillJob);
  byId("no-jobs").hidden = facts.jobs.length > 0;
  byId("doubts-part").hidden = facts.doubts.length === 0;
  keep(byId("doubts"), facts.doubts, (doubt) => doubt.call_id, makeDoubt, fillDoubt);
  byId("sync-part").hidden = facts.sync.length === 0;
  keep(byId("sync"), facts.sync, (problem) => `${problem.reward_id} ${problem.system}`, makeDoubt, fillSync);
  showFacts(facts.api);
  keep(byId("workers"), facts.workers, (worker) => worker.id, makeLine, fillWorker);
}

// A browser reconnects by itself after a lost connection, but not after an answer that was no stream,
// for example because too many browsers show the page. Then the page asks every five seconds.
function connect() {
  const events = new EventSource("events");
  events.addEventListener("status", (event) => show(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    setText(byId("link"), "connection lost; trying again");
    if (events.readyState !== EventSource.CLOSED) return;
    fetch("status.json").then((answer) => answer.json()).then(show).catch(() => {});
    setTimeout(connect, 5000);
  });
}

connect();
