/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each socket: lanes of its state over the time axis of the timeline, with its drops and
 * retransmits marked.
 */

const SOCKETS_LEFT = 78,
	SOCKETS_RIGHT = 12,
	SOCKETS_AXIS = 24;
const SOCKETS_LANE = 50,
	SOCKETS_LANE_HEAD = 20;
const SOCKETS_SIGN_ROW = 11; /* drops and retransmits have a row of signs each, above the lanes */
const SOCKETS_DASHES = ["——", "- - -"]; /* the two lines of a lane, in text */
/*
 * Up to so many points of a line are drawn as points, too: where it was known, and where it is
 * only joined.
 */
const SOCKETS_POINTS = 120;
/* ssthresh before the first loss; not a figure (include/net/tcp.h, TCP_INFINITE_SSTHRESH). */
const SOCKETS_NO_SSTHRESH = 0x7fffffff;

/* A lane has one or two series; the second is dashed. */
const SOCKETS_LANES = [
	{
		name: "window (segments)",
		series: [
			["cwnd", "cwnd"],
			["ssthresh", "ssthresh"],
		],
		format: formatCount,
	},
	{
		name: "round trip",
		series: [
			["rtt_us", "rtt"],
			["minrtt_us", "least"],
		],
		format: (us) => formatTime(us * 1000),
	},
	{ name: "in flight (segments)", series: [["in_flight", "in flight"]], format: formatCount },
	{ name: "retransmits so far", series: [["retrans", "retransmits"]], format: formatCount },
	{
		name: "queues",
		series: [
			["recvq", "receive queue"],
			["sendq", "send queue"],
		],
		format: formatBytes,
	},
	{ name: "delivery rate", series: [["delivery_rate", "delivery rate"]], format: formatBits },
];

/* The queues of a listening socket are connections: sock_diag(7), idiag_rqueue and idiag_wqueue. */
const SOCKETS_LISTEN_LANES = [
	{
		name: "accept queue",
		series: [
			["recvq", "connections that wait"],
			["sendq", "may wait"],
		],
		format: formatCount,
	},
];

function socketsLanesOf(socket) {
	return socket.state === "LISTEN" ? SOCKETS_LISTEN_LANES : SOCKETS_LANES;
}

/* The points of a series: {t, value}, value null where it is absent. */
function socketsPoints(socket, key) {
	return socket.t.map((t, i) => {
		const value = (socket.series[key] || [])[i];
		const known =
			Number.isFinite(value) &&
			!(key === "ssthresh" && value >= SOCKETS_NO_SSTHRESH);
		return { t, value: known ? value : null };
	});
}

/* The lanes of a socket that change, and a line for what stays as it is: that needs no drawing. */
function socketsLanes(socket) {
	const lanes = [],
		still = [];
	for (const lane of socketsLanesOf(socket)) {
		const all = lane.series
			.map(([key, name]) => ({ key, name, points: socketsPoints(socket, key) }))
			.filter((series) => series.points.some((point) => point.value !== null));
		const moves = (series) =>
			new Set(
				series.points
					.map((point) => point.value)
					.filter((value) => value !== null),
			).size > 1;
		if (all.some(moves)) {
			lanes.push({ ...lane, series: all });
			continue;
		}
		for (const series of all)
			still.push(
				series.name +
					" " +
					lane.format(
						series.points.find((point) => point.value !== null)
							.value,
					),
			);
	}
	return { lanes, still };
}

function socketsDrawLine(series, i, x, y) {
	const line = d3
		.line()
		.defined((point) => point.value !== null)
		.x((point) => x(point.t))
		.y((point) => y(point.value));
	const points = series.points.filter((point) => point.value !== null);
	return domSvg(
		"g",
		{ class: "series series-" + i, "data-series": series.key },
		domSvg("path", { class: "line", d: line(series.points) || "" }),
		points.length <= SOCKETS_POINTS
			? points.map((point) =>
					domSvg("circle", {
						cx: x(point.t),
						cy: y(point.value),
						r: 2,
						"data-value": point.value,
					}),
				)
			: [],
	);
}

/* The name of a lane and, where it has two lines, which is which: the signs flow with the text. */
function socketsDrawName(lane, left, y) {
	const keys = lane.series.length < 2 ? [] : lane.series;
	return domSvg(
		"text",
		{ class: "lane-head", x: left, y },
		domSvg("tspan", { class: "lane-name" }, lane.name),
		keys.map((series, i) => [
			domSvg("tspan", { class: "key key-" + i, dx: 12 }, SOCKETS_DASHES[i]),
			domSvg("tspan", { dx: 5 }, series.name),
		]),
	);
}

function socketsDrawLane(lane, x, head, clip) {
	const foot = head + SOCKETS_LANE_HEAD + SOCKETS_LANE;
	const most =
		d3.max(lane.series, (series) => d3.max(series.points, (point) => point.value)) || 1;
	const y = d3.scaleLinear([0, most], [foot, head + SOCKETS_LANE_HEAD]);
	const [left, right] = x.range();
	return domSvg(
		"g",
		{ class: "lane" },
		domSvg("line", { class: "base", x1: left, x2: right, y1: foot, y2: foot }),
		domSvg("line", { class: "grid", x1: left, x2: right, y1: y(most), y2: y(most) }),
		domSvg(
			"text",
			{ class: "lane-most", x: left - 6, y: y(most) + 4, "text-anchor": "end" },
			lane.format(most),
		),
		domSvg(
			"text",
			{ class: "lane-most", x: left - 6, y: foot + 1, "text-anchor": "end" },
			"0",
		),
		socketsDrawName(lane, left, head + 13),
		domSvg(
			"g",
			{ "clip-path": `url(#${clip})` },
			lane.series.map((series, i) => socketsDrawLine(series, i, x, y)),
		),
	);
}

/*
 * Lines through all lanes where a packet of the socket was dropped or sent again; the sign is on
 * top.
 */
function socketsDrawMarks(times, kind, x, top, foot) {
	/* top: where the sign points to */
	const [from, to] = x.domain();
	const sign = TIMELINE_LANES.find((lane) => lane.key === kind).mark;
	return times
		.filter((at) => at >= from && at <= to)
		.map((at) =>
			domSvg(
				"g",
				{ class: "moment " + kind, "data-t": at },
				domSvg("line", { x1: x(at), x2: x(at), y1: top, y2: foot }),
				domSvg("path", {
					class: "mark " + kind,
					d: sign,
					transform: `translate(${x(at)},${top})`,
				}),
			),
		);
}

function socketsDraw(chart) {
	const { socket, lanes, host, svg, view } = chart;
	const width = domWidth(host);
	const signs = [socket.drops, socket.retransmits].filter((times) => times.length).length;
	const top = 2 + signs * SOCKETS_SIGN_ROW;
	const foot = top + lanes.length * (SOCKETS_LANE + SOCKETS_LANE_HEAD);
	const x = (chart.x = d3.scaleLinear(
		[view.from, view.to],
		[SOCKETS_LEFT, width - SOCKETS_RIGHT],
	));
	svg.setAttribute("viewBox", `0 0 ${width} ${foot + SOCKETS_AXIS}`);
	chart.cursor = domSvg("line", { class: "cursor", y1: 0, y2: foot, visibility: "hidden" });
	chart.content.replaceChildren(
		domSvg(
			"clipPath",
			{ id: chart.clip },
			domSvg("rect", {
				x: SOCKETS_LEFT - 3,
				width: width - SOCKETS_LEFT - SOCKETS_RIGHT + 6,
				y: 0,
				height: foot + 4,
			}),
		),
		timeAxis(x, top, foot),
		...socketsDrawMarks(socket.drops, "drops", x, SOCKETS_SIGN_ROW, foot),
		...socketsDrawMarks(
			socket.retransmits,
			"retransmits",
			x,
			signs * SOCKETS_SIGN_ROW,
			foot,
		),
		...lanes.map((lane, i) =>
			socketsDrawLane(
				lane,
				x,
				top + i * (SOCKETS_LANE + SOCKETS_LANE_HEAD),
				chart.clip,
			),
		),
		chart.cursor,
	);
	socketsDrawCursor(chart);
}

/* The last snapshot at or before a time; -1 where there is none. */
function socketsSnapshot(socket, at) {
	return d3.bisectRight(socket.t, at) - 1;
}

function socketsText(socket, i) {
	const parts = [];
	for (const lane of socketsLanesOf(socket)) {
		for (const [key, name] of lane.series) {
			const { value } = socketsPoints(
				{ t: [0], series: { [key]: [(socket.series[key] || [])[i]] } },
				key,
			)[0];
			if (value !== null) parts.push(name + " " + lane.format(value));
		}
	}
	return formatOffset(socket.t[i]) + ": " + parts.join(", ");
}

function socketsDrawCursor(chart) {
	const { view, socket, readout } = chart;
	const at = view.cursor;
	const seen = at !== null && at >= view.from && at <= view.to;
	const i = seen ? socketsSnapshot(socket, at) : -1;
	chart.cursor.setAttribute("visibility", seen ? "visible" : "hidden");
	if (seen) domFill(chart.cursor, { x1: chart.x(at), x2: chart.x(at) }, []);
	readout.textContent =
		i >= 0
			? socketsText(socket, i)
			: socketsReadings(socket) +
				(chart.still ? "; all the time: " + chart.still : "");
}

function socketsTable(socket) {
	const all = socketsLanesOf(socket).flatMap((lane) =>
		lane.series
			.filter(([key]) => Array.isArray(socket.series[key]))
			.map(([key, name]) => ({
				name,
				format: lane.format,
				points: socketsPoints(socket, key),
			})),
	);
	return domTable(
		"Readings of " + socket.label,
		[{ name: "time" }, ...all.map((each) => ({ name: each.name, number: true }))],
		socket.t.map((t, i) => [
			formatOffset(t),
			...all.map((each) =>
				each.points[i].value === null
					? ""
					: each.format(each.points[i].value),
			),
		]),
	);
}

/* Where the socket's packets were in trouble, with some air; null where that is most of the time. */
function socketsTrouble(socket, view) {
	const times = [...socket.drops, ...socket.retransmits];
	const [from, to] = d3.extent(times.length ? times : socket.t);
	const air = Math.max((to - from) * 0.3, (view.end - view.begin) / 100);
	return to - from + 2 * air < (view.end - view.begin) / 2 ? [from - air, to + air] : null;
}

/* How many readings there were, and how many of them the chart has. */
function socketsReadings(socket) {
	const all = socket.points || socket.t.length;
	const thinned = all > socket.t.length ? ", " + formatCount(socket.t.length) + " shown" : "";
	return formatPlural(all, "reading") + thinned;
}

function socketsHead(socket) {
	const drops = socket.drops.length + (socket.drops_left_out || 0);
	const retransmits = socket.retransmits.length + (socket.retransmits_left_out || 0);
	const more = [
		socket.state,
		socket.cong,
		socket.netns,
		"sk:" + socket.cookie,
		drops && "▼ " + formatPlural(drops, "drop"),
		retransmits && "◆ " + formatPlural(retransmits, "retransmit"),
		(socket.drops_left_out || socket.retransmits_left_out) &&
			"the first of them marked",
	];
	return domElement(
		"header",
		{},
		domElement("h3", {}, socket.label),
		socket.why && domElement("p", { class: "why" }, socket.why),
		domElement("p", { class: "muted small" }, more.filter(Boolean).join(" · ")),
	);
}

/*
 * One socket; returns the function that draws it again, or null where a table is all there is to
 * see.
 */
function socketsItem(list, socket, view) {
	const { lanes, still } = socketsLanes(socket);
	const item = domElement("article", { class: "socket" }, socketsHead(socket));
	const readout = domElement("p", { class: "readout" });
	list.append(item);
	if (!window.d3 || !lanes.length) {
		item.append(
			domElement(
				"p",
				{ class: "readout" },
				socketsReadings(socket) +
					(still.length ? ": " + still.join(", ") : ""),
			),
		);
		if (lanes.length)
			item.append(
				domFigures("Figures as a table", () => socketsTable(socket), true),
			);
		return null;
	}
	return socketsChart(item, { socket, lanes, readout, view, still: still.join(", ") });
}

/* Puts the chart of a socket into its item; see socketsItem(). given: what the chart shows. */
function socketsChart(item, given) {
	const { socket, readout, view } = given;
	const host = domElement("div", { class: "chart" });
	const svg = domSvg("svg", {
		class: "plot",
		tabindex: "0",
		role: "application",
		"aria-label":
			"Socket " +
			socket.label +
			" over time. Left and right go from reading to reading, plus and" +
			" minus zoom, zero shows all.",
	});
	const content = domSvg("g");
	svg.append(content);
	host.append(svg);
	const trouble = socketsTrouble(socket, view);
	if (trouble)
		item.firstChild.append(
			domButton(
				socket.drops.length + socket.retransmits.length
					? "Zoom to its drops and retransmits"
					: "Zoom to its time",
				{ class: "screen-only quiet" },
				() => timeViewShow(view, trouble[0], trouble[1]),
			),
		);
	item.append(
		host,
		readout,
		domFigures("Figures as a table", () => socketsTable(socket), true),
	);
	const chart = {
		...given,
		host,
		svg,
		content,
		x: null,
		cursor: null,
		/* each drawing clips at its own size */
		clip: "sockets-clip-" + item.parentNode.children.length,
		step: (direction) => {
			const i = view.cursor === null ? -1 : socketsSnapshot(socket, view.cursor);
			const to = Math.min(socket.t.length - 1, Math.max(0, i + direction));
			return Math.min(view.to, Math.max(view.from, socket.t[to]));
		},
	};
	svg.addEventListener("focus", () => readout.setAttribute("role", "status"));
	svg.addEventListener("blur", () => readout.removeAttribute("role"));
	const draw = () => socketsDraw(chart);
	timeControl(chart);
	view.onRange.push(draw);
	view.onCursor.push(() => socketsDrawCursor(chart));
	return draw;
}

function socketsShow(report, view) {
	const body = domBody("sockets");
	if (!report.sockets.length) {
		body.append(
			domElement(
				"p",
				{ class: "none" },
				report.counts.snapshots
					? "None of the sockets stands out."
					: report.filter
						? "No socket passes the filter of this report."
						: "No sockets were recorded; skbox-capture --sockets 100ms does, beside packets.",
			),
		);
		return null;
	}
	const list = domElement("div", { class: "sockets" });
	body.append(list);
	const draws = report.sockets
		.map((socket) => socketsItem(list, socket, view))
		.filter(Boolean);
	body.append(domLeftOut(report.sockets_left_out, "socket", "skbox sockets shows all") || "");
	const draw = () => draws.forEach((each) => each());
	draw();
	return draw;
}
