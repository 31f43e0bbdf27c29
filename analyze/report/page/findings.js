/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first five seconds: is something wrong, what, how bad, what next; and can this recording be
 * believed.
 */

/* Each level has a sign and a word beside its colour. */
const FINDINGS_LEVELS = {
	bad: { sign: "✕", word: "bad" },
	warn: { sign: "▲", word: "warning" },
	note: { sign: "●", word: "note" },
	good: { sign: "✓", word: "good" },
};
/* What counts() does not say, by the kind of a finding. */
const FINDINGS_KINDS = {
	queue: ["full queue", "full queues"],
	slow: ["slow packet", "slow packets"],
	damage: ["damaged part", "damaged parts"],
	unfinished: ["recording not finished", "recordings not finished"],
	unattached: ["probe not attached", "probes not attached"],
};
/* So many are shown at once; the others are one step away. */
const FINDINGS_FIRST = 5;

function findingsBadge(level) {
	const known = FINDINGS_LEVELS[level] || { sign: "●", word: level };
	return domElement(
		"span",
		{ class: "badge level-" + (FINDINGS_LEVELS[level] ? level : "note") },
		domElement("span", { "aria-hidden": "true" }, known.sign),
		" ",
		known.word,
	);
}

/* The worst level of a list of findings or of lines of trust; "good" where there is none. */
function findingsWorst(list) {
	return (
		["bad", "warn", "note"].find((level) =>
			list.some((each) => each.level === level),
		) || "good"
	);
}

/* One sentence: what happened to the packets. */
function findingsVerdict(report) {
	const { counts, findings } = report;
	const parts = [];
	if (counts.drops) parts.push(formatPlural(counts.drops, "packet") + " dropped");
	if (counts.retransmits)
		parts.push(formatPlural(counts.retransmits, "segment") + " retransmitted");
	for (const [kind, words] of Object.entries(FINDINGS_KINDS)) {
		const n = findings.filter((finding) => finding.kind === kind).length;
		if (n) parts.push(formatPlural(n, words[0], words[1]));
	}
	if (parts.length) return parts.join(", ");
	if (findings.length) return formatPlural(findings.length, "finding");
	if (counts.events) return "Nothing wrong that this recording shows";
	return report.filter ? "Nothing passes the filter" : "Nothing was recorded";
}

function findingsTile(name, value, more, level) {
	return domElement(
		"div",
		{ class: "tile" + (level ? " level-" + level : "") },
		domElement("dt", {}, name),
		domElement("dd", { class: "value" }, value),
		more && domElement("dd", { class: "more" }, more),
	);
}

function findingsShowTiles(counts, span_ns) {
	const packets = counts.packets || 0;
	const missing = (counts.lost || 0) + (counts.skipped || 0) + (counts.damaged || 0);
	document.getElementById("tiles").replaceChildren(
		/* no share: a packet that is sent again can be dropped again */
		findingsTile(
			"dropped",
			formatCount(counts.drops || 0),
			packets ? "of " + formatPlural(packets, "packet") : "packets",
			counts.drops && "bad",
		),
		findingsTile(
			"retransmitted",
			formatCount(counts.retransmits || 0),
			"segments",
			counts.retransmits && "warn",
		),
		findingsTile(
			"not recorded",
			formatCount(missing),
			[
				counts.lost && formatCount(counts.lost) + " lost",
				counts.skipped && formatCount(counts.skipped) + " skipped",
				counts.damaged && formatCount(counts.damaged) + " damaged",
			]
				.filter(Boolean)
				.join(", ") || "nothing is missing",
			missing && "bad",
		),
		findingsTile(
			"packets",
			formatCount(packets),
			"seen " +
				formatPlural(counts.packet_events || 0, "time") +
				(counts.bytes ? ", " + formatBytes(counts.bytes) : ""),
		),
		findingsTile(
			"sockets",
			formatCount(counts.sockets || 0),
			formatPlural(counts.snapshots || 0, "snapshot"),
		),
		findingsTile(
			"events",
			formatCount(counts.events || 0),
			"in " + formatTime(span_ns),
		),
	);
}

function findingsShowHead(report) {
	document.title = report.title + " – skbox report";
	document.getElementById("title").textContent = report.title;
	document.getElementById("when").textContent = [
		report.first,
		"for " + formatTime(report.span_ns),
		...report.recording
			/* a machine without a name calls itself (none) */
			.filter((row) => /^(host|kernel)$/.test(row[0]) && row[1] !== "(none)")
			.map((row) => row[0] + " " + row[1]),
		report.filter && "only " + report.filter,
	]
		.filter(Boolean)
		.join(" · ");
	const level = report.counts.events ? findingsWorst(report.findings) : "note";
	document.getElementById("verdict").replaceChildren(
		findingsBadge(level),
		" ",
		domElement("strong", {}, findingsVerdict(report)),
	);
	findingsShowTiles(report.counts, report.span_ns);
}

/*
 * Puts text onto the clipboard, where the browser lets a page do that; the button says what
 * happened.
 */
async function findingsCopy(button, text) {
	try {
		await navigator.clipboard.writeText(text);
		button.textContent = "Copied";
	} catch {
		button.textContent = "Not allowed: select it";
	}
	setTimeout(() => {
		button.textContent = "Copy";
	}, 2000);
}

/* The command that shows all of it, to copy. */
function findingsCommand(report, finding) {
	if (!finding.where) return null;
	const text =
		"skbox print " +
		dataShellWord(report.title.includes(", ") ? "FILE" : report.title) +
		" " +
		finding.where;
	const button = domButton("Copy", { class: "quiet screen-only" }, () =>
		findingsCopy(button, text),
	);
	return domElement(
		"details",
		{},
		domElement("summary", {}, "Command that shows all of it"),
		domElement("p", { class: "command" }, domElement("code", {}, text), " ", button),
	);
}

/* act(finding) shows the finding's events. */
function findingsItem(report, finding, act) {
	const name = dataFindingName(finding.id);
	const events = dataList(finding.events).length;
	const first = formatWall(report.first_unix_ns, finding.first);
	return domElement(
		"li",
		{
			class: "finding",
			id: "finding-" + (finding.id + 1),
			"data-level": finding.level,
			tabindex: "-1",
		},
		domElement(
			"div",
			{ class: "finding-head" },
			findingsBadge(finding.level),
			domElement(
				"h3",
				{},
				domElement("span", { class: "finding-name" }, name),
				" ",
				finding.title,
			),
			events > 0 &&
				domButton(
					"Show " + formatPlural(events, "event"),
					{
						class: "screen-only",
						"data-finding": finding.id,
						"aria-label":
							"Show " +
							formatPlural(events, "event") +
							" of " +
							name,
					},
					() => act(finding),
				),
		),
		finding.advice && domElement("p", { class: "advice" }, finding.advice),
		domElement(
			"p",
			{ class: "muted small" },
			[
				finding.count !== undefined && formatPlural(finding.count, "time"),
				finding.first !== undefined &&
					"first at " +
						formatOffset(finding.first) +
						(first ? " (" + first + " UTC)" : ""),
			]
				.filter(Boolean)
				.join(", "),
		),
		findingsCommand(report, finding),
	);
}

function findingsShow(report, act) {
	const body = domBody("findings");
	const items = report.findings.map((finding) => findingsItem(report, finding, act));
	if (!items.length) {
		body.append(
			domElement(
				"p",
				{ class: "none" },
				report.counts.events
					? "Nothing that this recording shows: no losses, drops, retransmits or slow packets."
					: report.filter
						? "No event passes the filter of this report."
						: "There are no events. Was there traffic, did the probes attach?",
			),
		);
		return;
	}
	body.append(domElement("ol", { class: "findings" }, items.slice(0, FINDINGS_FIRST)));
	if (items.length > FINDINGS_FIRST)
		body.append(
			domElement(
				"details",
				{},
				domElement(
					"summary",
					{},
					formatPlural(items.length - FINDINGS_FIRST, "more finding"),
				),
				domElement(
					"ol",
					{ class: "findings" },
					items.slice(FINDINGS_FIRST),
				),
			),
		);
	body.append(domLeftOut(report.more_findings, "finding", "skbox stats counts all") || "");
}

function findingsShowTrust(report) {
	const worst = findingsWorst(report.trust);
	const words = {
		good: "The recording is whole.",
		note: "Whole, with what is said below in mind.",
		warn: "To be read with care.",
		bad: "Something is missing: conclusions from what is absent do not hold.",
	};
	domBody("trust").append(
		domElement("p", { class: "trust-verdict" }, words[worst]),
		domElement(
			"ul",
			{ class: "trust" },
			report.trust.map((line) =>
				domElement(
					"li",
					{
						"data-level": line.level,
					},
					findingsBadge(line.level),
					" ",
					line.text,
				),
			),
		),
	);
}
