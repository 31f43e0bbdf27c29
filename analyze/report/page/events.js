/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first events of each finding as text: searched in, filtered by kind, finding and the time
 * that is shown.
 */

/* So many rows are made at once: above, a browser takes noticeable time to lay the text out. */
const EVENTS_STEP = 200;
/* Signs of the kinds, beside their colours. */
const EVENTS_KINDS = {
	drop: "▼ drop",
	retransmit: "◆ retransmit",
	socket: "○ socket",
	gap: "▨ gap",
	packet: "→ packet",
};

function eventsKindText(kind) {
	return EVENTS_KINDS[kind] || kind;
}

/* Words that all have to be in an event; "two words" in quotes is one. */
function eventsWords(query) {
	return (query.toLowerCase().match(/"[^"]+"|[^\s"]+/g) || []).map((word) =>
		word.replace(/"/g, ""),
	);
}

/* text with each of the words marked, as nodes. */
function eventsMarked(text, words) {
	const nodes = [],
		low = text.toLowerCase();
	/* a letter whose small form is longer would shift the places; then nothing is marked */
	if (!words.length || low.length !== text.length) return [text];
	let done = 0;
	while (done < text.length) {
		let at = -1,
			length = 0;
		for (const word of words) {
			const found = low.indexOf(word, done);
			if (
				found >= 0 &&
				(at < 0 || found < at || (found === at && word.length > length))
			) {
				at = found;
				length = word.length;
			}
		}
		if (at < 0) break;
		nodes.push(
			text.slice(done, at),
			domElement("mark", {}, text.slice(at, at + length)),
		);
		done = at + length;
	}
	nodes.push(text.slice(done));
	return nodes;
}

function eventsRow(list, event) {
	const wall = formatWall(list.report.first_unix_ns, event.t);
	const findings = dataList(event.finding).map((id) => [
		domLink("finding-" + (id + 1), dataFindingName(id)),
		" ",
	]);
	return domElement(
		"tr",
		{
			class: "event kind-" + (EVENTS_KINDS[event.kind] ? event.kind : "packet"),
			"data-t": event.t,
		},
		domElement(
			"td",
			{ class: "event-time" },
			formatOffset(event.t),
			wall && domElement("span", { class: "muted small" }, wall),
		),
		domElement(
			"td",
			{ class: "event-kind" },
			domElement("span", { class: "kind" }, eventsKindText(event.kind)),
			domElement("span", { class: "event-findings" }, findings),
		),
		domElement("td", {}, domElement("pre", {}, eventsMarked(event.text, list.words))),
	);
}

function eventsMatches(list, event) {
	const { filter, view } = list;
	return (
		(!filter.kind || event.kind === filter.kind) &&
		(filter.finding === null || dataList(event.finding).includes(filter.finding)) &&
		(!filter.inView || (event.t >= view.from && event.t <= view.to)) &&
		list.words.every((word) => event.low.includes(word))
	);
}

/* Makes rows up to so many. */
function eventsFillTo(list, limit) {
	const rows = list.found.slice(list.made, limit).map((event) => eventsRow(list, event));
	list.made += rows.length;
	list.rows.append(...rows);
	const rest = list.found.length - list.made;
	list.more.hidden = rest <= 0;
	list.more.textContent = "Show " + Math.min(rest, EVENTS_STEP) + " more of " + rest;
}

/* Applies search and filters. */
function eventsUpdate(list) {
	list.words = eventsWords(list.filter.query);
	list.found = list.report.events.filter((event) => eventsMatches(list, event));
	list.made = 0;
	list.rows.replaceChildren();
	eventsFillTo(list, EVENTS_STEP);
	const all = list.report.events.length;
	list.count.textContent =
		(list.found.length === all
			? formatPlural(all, "event")
			: list.found.length + " of " + formatPlural(all, "event")) +
		(list.report.events_left_out
			? "; " +
				formatCount(list.report.events_left_out) +
				" more are in the recording, not in this page"
			: "");
	list.table.hidden = !list.found.length;
	list.none.hidden = list.found.length > 0;
	const { query, kind, finding, inView } = list.filter;
	list.reset.disabled = !(query || kind || finding !== null || inView);
}

function eventsSelect(label, options, act) {
	const select = domElement(
		"select",
		{},
		options.map(([value, name]) => domElement("option", { value }, name)),
	);
	select.addEventListener("change", () => act(select.value));
	return [domElement("label", {}, label, " ", select), select];
}

function eventsSearch(list) {
	const search = domElement("input", {
		type: "search",
		id: "search",
		placeholder: "address, port, device, reason …",
		autocomplete: "off",
		spellcheck: "false",
	});
	search.addEventListener("input", () => {
		list.filter.query = search.value;
		eventsUpdate(list);
	});
	return search;
}

/* Search and filters; each writes list.filter and updates. */
function eventsControls(list) {
	const { report, filter } = list;
	const update = () => eventsUpdate(list);
	const search = (list.search = eventsSearch(list));
	const kinds = [...new Set(report.events.map((event) => event.kind))].sort();
	const [kindLabel, kind] = eventsSelect(
		"Kind",
		[["", "all"], ...kinds.map((each) => [each, eventsKindText(each)])],
		(value) => {
			filter.kind = value;
			update();
		},
	);
	const shown = report.findings.filter((finding) => dataList(finding.events).length);
	const [findingLabel, finding] = eventsSelect(
		"Finding",
		[
			["", "all"],
			...shown.map((each) => [
				each.id,
				dataFindingName(each.id) + " " + each.title,
			]),
		],
		(value) => {
			filter.finding = value === "" ? null : Number(value);
			update();
		},
	);
	const inView = domElement("input", { type: "checkbox" });
	inView.addEventListener("change", () => {
		filter.inView = inView.checked;
		update();
	});
	/* shows all, or all of one finding */
	list.choose = (id) => {
		Object.assign(filter, { query: "", kind: "", finding: id, inView: false });
		search.value = kind.value = "";
		finding.value = id === null ? "" : String(id);
		inView.checked = false;
		update();
	};
	list.reset = domButton("Clear", { class: "quiet" }, () => {
		list.choose(null);
		search.focus();
	});
	return domElement(
		"form",
		{ class: "controls screen-only", role: "search", "aria-label": "Events" },
		domElement("label", { class: "wide" }, "Search ", search),
		kindLabel,
		findingLabel,
		domElement("label", { class: "check" }, inView, " only the time shown above"),
		list.reset,
	);
}

/* "/" goes to the search from everywhere, as in manuals and many pages. */
function eventsKeys(list) {
	document.addEventListener("keydown", (press) => {
		const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
		if (press.key !== "/" || typing || press.ctrlKey || press.altKey || press.metaKey)
			return;
		press.preventDefault();
		list.search.focus();
		list.search.scrollIntoView({ block: "center" });
	});
	list.search.addEventListener("keydown", (press) => {
		if (press.key === "Escape" && list.search.value) {
			press.preventDefault();
			list.search.value = list.filter.query = "";
			eventsUpdate(list);
		}
	});
}

/* What the functions above work on; events get the text that is searched. */
function eventsListNew(report, view) {
	for (const event of report.events)
		event.low = [event.text, event.probe, event.kind].join("\n").toLowerCase();
	return {
		report,
		view,
		words: [],
		found: [],
		made: 0,
		filter: { query: "", kind: "", finding: null, inView: false },
		rows: domElement("tbody", {}),
		count: domElement("p", {
			class: "readout",
			role: "status",
			id: "events-count",
			tabindex: "-1",
		}),
		none: domElement("p", { class: "none", hidden: true }, "No event has all of that."),
	};
}

/*
 * Returns a list with choose(finding id), which shows the events of one finding, and all(), for
 * paper.
 */
function eventsShow(report, view) {
	const body = domBody("events");
	if (!report.events.length) {
		body.append(
			domElement(
				"p",
				{ class: "none" },
				report.findings.length
					? "The findings have no events of their own."
					: "No findings, so no events to show.",
			),
		);
		return { choose: () => {}, all: () => {} };
	}
	const list = eventsListNew(report, view);
	list.more = domButton("", { class: "screen-only" }, () => {
		const last = list.rows.lastElementChild;
		eventsFillTo(list, list.made + EVENTS_STEP);
		if (list.more.hidden && last) list.count.focus();
	});
	list.table = domElement(
		"table",
		{ class: "events" },
		domElement(
			"thead",
			{},
			domElement(
				"tr",
				{},
				["time", "what", "event"].map((name) =>
					domElement("th", { scope: "col" }, name),
				),
			),
		),
		list.rows,
	);
	const controls = eventsControls(list);
	controls.addEventListener("submit", (happening) => happening.preventDefault());
	body.append(controls, list.count, list.table, list.none, list.more);
	view.onRange.push(() => {
		if (list.filter.inView) eventsUpdate(list);
	});
	eventsKeys(list);
	eventsUpdate(list);
	return {
		choose: (id) => {
			list.choose(id);
			document.getElementById("events").scrollIntoView();
			document.getElementById("events").focus({ preventScroll: true });
		},
		all: () => eventsFillTo(list, list.found.length),
	};
}
