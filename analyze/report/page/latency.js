/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long packets took from probe to probe: a histogram for each hop, all over one logarithmic
 * axis.
 */

const LATENCY_HEIGHT = 96,
	LATENCY_TOP = 20,
	LATENCY_AXIS = 22,
	LATENCY_SIDE = 10;
/* A logarithm needs something above zero; clocks do not tell less than a nanosecond. */
const LATENCY_LEAST_NS = 1;
const LATENCY_LABEL = 26; /* how wide "p50" is, and air */
/* Lines at percentiles: each has a dash of its own. */
const LATENCY_MARKS = [
	{ key: "p50_ns", name: "p50", dash: "" },
	{ key: "p90_ns", name: "p90", dash: "6 3" },
	{ key: "p99_ns", name: "p99", dash: "2 2" },
];

function latencyBuckets(hop) {
	return dataList(hop.histogram)
		.filter((bucket) => bucket[2] > 0)
		.map(([from, to, count]) => ({
			from: Math.max(LATENCY_LEAST_NS, from),
			to: Math.max(LATENCY_LEAST_NS + 1, to),
			count,
		}));
}

/* From the fastest to the slowest of all hops, to whole powers of ten where that costs little. */
function latencyDomain(hops) {
	const buckets = hops.flatMap(latencyBuckets);
	return [d3.min(buckets, (bucket) => bucket.from), d3.max(buckets, (bucket) => bucket.to)];
}

function latencyDrawMarks(hop, x, foot) {
	let free =
		-Infinity; /* labels must not lie over each other: one that has no room is left out */
	return LATENCY_MARKS.filter((mark) => hop[mark.key] > 0).map((mark) => {
		const at = Math.min(Math.max(x(hop[mark.key]), x.range()[0]), x.range()[1]);
		const room = at - LATENCY_LABEL / 2 >= free;
		if (room) free = at + LATENCY_LABEL / 2;
		return domSvg(
			"g",
			{ class: "percentile" },
			domSvg("line", {
				x1: at,
				x2: at,
				y1: 14,
				y2: foot,
				"stroke-dasharray": mark.dash,
			}),
			room &&
				domSvg(
					"text",
					{ x: at, y: 11, "text-anchor": "middle" },
					mark.name,
				),
		);
	});
}

function latencyAxis(x, foot) {
	const [from, to] = x.domain();
	const ticks = [];
	/* less than three powers of ten: 2 and 5 times each help */
	const steps = to / from < 1000 ? [1, 2, 5] : [1];
	for (let power = 10 ** Math.floor(Math.log10(from)); power <= to; power *= 10)
		ticks.push(
			...steps.map((step) => step * power).filter((at) => at >= from && at <= to),
		);
	const every = Math.ceil(ticks.length / Math.max(1, (x.range()[1] - x.range()[0]) / 62));
	const round = (at) => formatTime(at).replace(/\.0+(\s)/, "$1");
	return domSvg(
		"g",
		{ class: "axis", "aria-hidden": "true" },
		domSvg("line", {
			class: "base",
			x1: x.range()[0],
			x2: x.range()[1],
			y1: foot,
			y2: foot,
		}),
		ticks.map((at, i) => [
			domSvg("line", {
				class: "grid",
				x1: x(at),
				x2: x(at),
				y1: LATENCY_TOP,
				y2: foot + 3,
			}),
			i % every === 0 &&
				domSvg(
					"text",
					{ x: x(at), y: foot + 16, "text-anchor": "middle" },
					round(at),
				),
		]),
	);
}

function latencyDraw(host, hop, domain) {
	const width = domWidth(host);
	const foot = LATENCY_TOP + LATENCY_HEIGHT;
	const x = d3.scaleLog(domain, [LATENCY_SIDE, width - LATENCY_SIDE]);
	const buckets = latencyBuckets(hop);
	const y = d3.scaleLinear(
		[0, d3.max(buckets, (bucket) => bucket.count)],
		[0, LATENCY_HEIGHT - 4],
	);
	const bars = buckets.map((bucket) => {
		const height = Math.max(1.5, y(bucket.count));
		return domTip(
			domSvg("rect", {
				class: "bar latency",
				x: x(bucket.from),
				y: foot - height,
				height,
				width: Math.max(1.5, x(bucket.to) - x(bucket.from) - 0.5),
				"data-count": bucket.count,
			}),
			formatTime(bucket.from) +
				" to " +
				formatTime(bucket.to) +
				": " +
				formatPlural(bucket.count, "packet"),
		);
	});
	const svg = domSvg("svg", {
		viewBox: `0 0 ${width} ${foot + LATENCY_AXIS}`,
		class: "plot",
		role: "group",
		"aria-label": "Histogram, " + hop.from + " to " + hop.to,
	});
	svg.append(latencyAxis(x, foot), ...bars, ...latencyDrawMarks(hop, x, foot));
	host.replaceChildren(svg);
	domRove(bars);
}

function latencyText(hop) {
	return [
		formatPlural(hop.count, "packet"),
		...LATENCY_MARKS.filter((mark) => hop[mark.key] !== undefined).map(
			(mark) => mark.name + " " + formatTime(hop[mark.key]),
		),
		"longest " + formatTime(hop.max_ns),
	].join(", ");
}

function latencyTable(hops) {
	const names = ["packets", "p50", "p90", "p99", "p99.9", "longest"];
	return domTable(
		"Percentiles of each hop",
		[
			{ name: "from" },
			{ name: "to" },
			...names.map((name) => ({ name, number: true })),
		],
		hops.map((hop) => [
			hop.from,
			hop.to,
			formatCount(hop.count),
			...["p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"].map((key) =>
				formatTime(hop[key]),
			),
		]),
	);
}

function latencyShow(report) {
	const body = domBody("latency");
	const { hops } = report;
	if (!hops.length) {
		body.append(
			domElement(
				"p",
				{ class: "none" },
				"No packet was seen at two probes, so there are no hops.",
			),
		);
		return null;
	}
	const drawn = hops.filter((hop) => latencyBuckets(hop).length);
	const draws = [];
	if (window.d3 && drawn.length) {
		const domain = latencyDomain(drawn);
		const grid = domElement("div", { class: "cards" });
		body.append(grid);
		for (const hop of drawn) {
			const host = domElement("div", { class: "chart" });
			grid.append(
				domElement(
					"figure",
					{ class: "hop" },
					domElement(
						"figcaption",
						{},
						domElement(
							"span",
							{ class: "hop-name" },
							hop.from + " → " + hop.to,
						),
						domElement(
							"span",
							{ class: "muted" },
							latencyText(hop),
						),
					),
					host,
				),
			);
			draws.push(() => latencyDraw(host, hop, domain));
		}
	}
	body.append(
		domFigures("Percentiles of each hop as a table", () => latencyTable(hops)),
		domLeftOut(report.hops_left_out, "hop", "they are rarer than these") || "",
	);
	const draw = () => draws.forEach((each) => each());
	draw();
	return draw;
}
