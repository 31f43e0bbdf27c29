/* SPDX-License-Identifier: BSD-2-Clause */
/* Events, drops, retransmits and gaps of the whole recording, in lanes over one time axis. */

const TIMELINE_LEFT = 58,
	TIMELINE_RIGHT = 12,
	TIMELINE_AXIS = 24;
/* Up to so many bars of a lane have a mark on top: a bar of one pixel is easily overlooked. */
const TIMELINE_MARKED = 150;

/*
 * The lanes, top to bottom. mark: an outline around (0, 0), so that a lane is known without its
 * colour.
 */
const TIMELINE_LANES = [
	{ key: "events", name: "Events", height: 96 },
	{ key: "drops", name: "Drops", height: 40, mark: "M-4,-7H4L0,0Z" },
	{ key: "retransmits", name: "Retransmits", height: 40, mark: "M0,-8L4,-4L0,0L-4,-4Z" },
];

function timelineLanes(timeline) {
	return TIMELINE_LANES.filter(
		(lane) => lane.key === "events" || timeline[lane.key].some((value) => value > 0),
	);
}

/* When a bin begins. The first may begin a little before zero. */
function timelineBinTime(timeline, i) {
	return timeline.start_ns + i * timeline.bin_ns;
}

/* In which bin a time is, with the share of it that is before. */
function timelineBinAt(timeline, at) {
	return (at - timeline.start_ns) / timeline.bin_ns;
}

function timelineBinText(report, i) {
	const { timeline } = report;
	const from = timelineBinTime(timeline, i);
	const { step } = timeTicks(0, timeline.bin_ns * 2, 2);
	const parts = [
		formatTick(from, step, report.span_ns) +
			": " +
			formatPlural(timeline.events[i], "event"),
		timeline.bytes[i] && formatBytes(timeline.bytes[i]),
		timeline.drops[i] && formatPlural(timeline.drops[i], "drop"),
		timeline.retransmits[i] && formatPlural(timeline.retransmits[i], "retransmit"),
		timeline.lost[i] && formatCount(timeline.lost[i]) + " not recorded",
	];
	const wall = formatWall(report.first_unix_ns, from);
	return parts.filter(Boolean).join(", ") + (wall ? " (" + wall + " UTC)" : "");
}

/* The bars of one lane; y0 is its foot. Returns elements. */
function timelineDrawLane(lane, timeline, x, y0) {
	const values = timeline[lane.key];
	const [from, to] = x.domain();
	const first = Math.max(0, Math.floor(timelineBinAt(timeline, from)));
	const last = Math.min(timeline.n - 1, Math.ceil(timelineBinAt(timeline, to)) - 1);
	const most = d3.max(values.slice(first, last + 1)) || 1;
	const y = d3.scaleLinear([0, most], [0, lane.height - (lane.mark ? 10 : 0)]);
	const bars = [],
		marks = [];
	for (let i = first; i <= last; i++) {
		if (!values[i]) continue;
		const left = Math.max(x(timelineBinTime(timeline, i)), x.range()[0]);
		const right = Math.min(x(timelineBinTime(timeline, i + 1)), x.range()[1]);
		/* one event among thousands still has to be seen */
		const height = Math.max(1.5, y(values[i]));
		bars.push(
			domSvg("rect", {
				class: "bar " + lane.key,
				x: left,
				y: y0 - height,
				height,
				width: Math.max(1, right - left - 0.3),
				"data-bin": i,
			}),
		);
		if (lane.mark)
			marks.push(
				domSvg("path", {
					class: "mark " + lane.key,
					d: lane.mark,
					transform: `translate(${(left + right) / 2},${y0 - height})`,
				}),
			);
	}
	return domSvg(
		"g",
		{ class: "lane", "data-lane": lane.key },
		timelineDrawScale(lane, x, y0, most),
		bars,
		marks.length <= TIMELINE_MARKED ? marks : [],
	);
}

/* The foot of a lane, its name and how much its height is. */
function timelineDrawScale(lane, x, y0, most) {
	return [
		domSvg("line", {
			class: "base",
			x1: x.range()[0],
			x2: x.range()[1],
			y1: y0,
			y2: y0,
		}),
		domSvg(
			"text",
			{ class: "lane-name", x: x.range()[0] + 4, y: y0 - lane.height - 3 },
			lane.name,
		),
		domSvg(
			"text",
			{
				class: "lane-most",
				x: x.range()[0] - 6,
				y: y0 - lane.height + 9,
				"text-anchor": "end",
			},
			formatCount(most),
		),
		domSvg(
			"text",
			{ class: "lane-most", x: x.range()[0] - 6, y: y0, "text-anchor": "end" },
			"0",
		),
	];
}

function timelineDrawGaps(timeline, x, height) {
	const [from, to] = x.domain();
	return timeline.gaps
		.filter((gap) => gap.to >= from && gap.from <= to)
		.map((gap) => {
			const left = x(Math.max(gap.from, from)),
				right = x(Math.min(gap.to, to));
			const text =
				formatPlural(gap.lost || 0, "event") +
				" not recorded" +
				(gap.probe ? " at " + gap.probe : "") +
				", from " +
				formatOffset(gap.from) +
				" for " +
				formatTime(gap.to - gap.from);
			return domTip(
				domSvg("rect", {
					class: "gap",
					x: left,
					y: 0,
					height,
					width: Math.max(3, right - left),
				}),
				text,
			);
		});
}

/* The whole chart, into chart.svg; called again whenever the range or the width changes. */
function timelineDraw(chart, report) {
	const { svg, view, host } = chart;
	const lanes = timelineLanes(report.timeline);
	const width = domWidth(host);
	const height = lanes.reduce((sum, lane) => sum + lane.height + 20, 0);
	const x = (chart.x = d3.scaleLinear(
		[view.from, view.to],
		[TIMELINE_LEFT, width - TIMELINE_RIGHT],
	));
	let foot = 0;
	const drawn = lanes.map((lane) => {
		foot += lane.height + 20;
		return timelineDrawLane(lane, report.timeline, x, foot);
	});
	svg.setAttribute("viewBox", `0 0 ${width} ${height + TIMELINE_AXIS}`);
	chart.content.replaceChildren(
		timeAxis(x, 0, height),
		...timelineDrawGaps(report.timeline, x, height),
		...drawn,
	);
	chart.cursor = domSvg("line", { class: "cursor", y1: 0, y2: height, visibility: "hidden" });
	chart.content.append(chart.cursor);
	timelineDrawCursor(chart, report);
}

function timelineDrawCursor(chart, report) {
	const { view, readout } = chart;
	const at = view.cursor;
	if (at === null || at < view.from || at > view.to) {
		chart.cursor.setAttribute("visibility", "hidden");
		readout.textContent = timeViewIsWhole(view)
			? "A bar is " + formatTime(report.timeline.bin_ns) + "."
			: "Shown: " +
				formatOffset(view.from) +
				" to " +
				formatOffset(view.to) +
				", " +
				formatTime(view.to - view.from) +
				".";
		return;
	}
	const bin = Math.floor(timelineBinAt(report.timeline, at));
	const i = Math.min(report.timeline.n - 1, bin);
	domFill(chart.cursor, { x1: chart.x(at), x2: chart.x(at), visibility: "visible" }, []);
	readout.textContent = i >= 0 ? timelineBinText(report, i) : "";
}

function timelineTable(report) {
	const { timeline } = report;
	const columns = [
		{ name: "from" },
		...["events", "bytes", "drops", "retransmits", "not recorded"].map((name) => ({
			name,
			number: true,
		})),
	];
	const rows = [];
	for (let i = 0; i < timeline.n; i++) {
		if (
			timeline.events[i] ||
			timeline.drops[i] ||
			timeline.retransmits[i] ||
			timeline.lost[i]
		)
			rows.push([
				formatOffset(timelineBinTime(timeline, i)),
				timeline.events[i],
				timeline.bytes[i],
				timeline.drops[i],
				timeline.retransmits[i],
				timeline.lost[i],
			]);
	}
	return domTable(
		"Figures of each " + formatTime(timeline.bin_ns) + " in which something happened",
		columns,
		rows,
	);
}

function timelineButtons(view) {
	const acts = [
		["Zoom in", "+", () => timeViewZoom(view, 1 / TIME_ZOOM, null)],
		["Zoom out", "−", () => timeViewZoom(view, TIME_ZOOM, null)],
		["Earlier", "◀", () => timeViewPan(view, -0.5)],
		["Later", "▶", () => timeViewPan(view, 0.5)],
		["Show all", "All", () => timeViewShow(view, view.begin, view.end)],
	];
	return domElement(
		"div",
		{ class: "buttons screen-only", role: "group", "aria-label": "Zoom" },
		acts.map(([label, sign, act]) =>
			domButton(sign, { "aria-label": label, title: label }, act),
		),
	);
}

function timelineLegend(timeline) {
	const signs = timelineLanes(timeline).map((lane) =>
		domElement(
			"li",
			{},
			domSvg(
				"svg",
				{ viewBox: "-6 -9 12 12", class: "sign", "aria-hidden": "true" },
				domSvg("path", {
					class: "mark " + lane.key,
					d: lane.mark || "M-4,-8H4V1H-4Z",
				}),
			),
			lane.name,
		),
	);
	if (timeline.gaps.length)
		signs.push(
			domElement(
				"li",
				{},
				domSvg(
					"svg",
					{
						viewBox: "0 0 24 12",
						class: "sign wide",
						"aria-hidden": "true",
					},
					domSvg("rect", { class: "gap", width: 24, height: 12 }),
				),
				"Not recorded (" + formatPlural(timeline.gaps.length, "gap") + ")",
			),
		);
	return domElement("ul", { class: "legend" }, signs);
}

function timelineHint() {
	return domElement(
		"p",
		{ class: "hint screen-only" },
		"Drag to zoom, double click for all; with the keyboard:",
		["+", "−", "←", "→", "0"].map((key) => [" ", domElement("kbd", {}, key)]),
	);
}

function timelineShow(report, view) {
	const body = domBody("timeline");
	const { timeline } = report;
	if (!timeline.events.some((value) => value > 0)) {
		body.append(domElement("p", { class: "none" }, "There are no events."));
		return null;
	}
	body.append(
		domFigures("Figures of the timeline as a table", () => timelineTable(report), true),
	);
	if (!window.d3) return null;
	const host = domElement("div", { class: "chart" });
	const readout = domElement("p", { class: "readout", role: "status" });
	const svg = domSvg("svg", {
		tabindex: "0",
		role: "application",
		class: "plot",
		id: "timeline-chart",
		"aria-label":
			"Timeline. Left and right move the cursor, plus and minus zoom, page up and down" +
			" go earlier and later, zero shows all.",
	});
	const content = domSvg("g");
	svg.append(content);
	host.append(svg);
	body.prepend(
		domElement(
			"div",
			{ class: "chart-head" },
			timelineLegend(timeline),
			timelineButtons(view),
		),
		host,
		readout,
		timelineHint(),
	);
	const chart = {
		svg,
		view,
		host,
		readout,
		content,
		x: null,
		cursor: null,
		step: (direction) => {
			const i =
				view.cursor === null
					? Math.floor(timelineBinAt(timeline, view.from)) -
						(direction > 0)
					: Math.floor(timelineBinAt(timeline, view.cursor));
			const at = timelineBinTime(timeline, i + direction + 0.5);
			return Math.min(view.to, Math.max(view.from, at));
		},
	};
	const draw = () => timelineDraw(chart, report);
	draw();
	timeControl(chart);
	view.onRange.push(draw);
	view.onCursor.push(() => timelineDrawCursor(chart, report));
	return draw;
}
