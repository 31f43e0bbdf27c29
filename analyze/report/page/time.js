/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time that is looked at: one range and one cursor for the timeline, the sockets and the list
 * of events. Times are nanoseconds since the first event.
 */

/* Closer than this there is nothing to see: clocks of processors agree to about a microsecond. */
const TIME_CLOSEST_NS = 1000;
/* One press of + or - shows half or twice as much. */
const TIME_ZOOM = 2;
/* Less than this many pixels of dragging is a click. */
const TIME_DRAG_PX = 4;

function timeViewNew(begin, end) {
	/* a recording of one event has no length: it gets a microsecond, for axes need one */
	const last = Math.max(end, begin + TIME_CLOSEST_NS);
	return {
		begin,
		end: last,
		from: begin,
		to: last,
		cursor: null /* null: none */,
		/* functions that are called after a change */
		onRange: [],
		onCursor: [],
	};
}

function timeViewIsWhole(view) {
	return view.from === view.begin && view.to === view.end;
}

/* Shows a range, moved and cut to what there is. */
function timeViewShow(view, from, to) {
	const length = Math.min(Math.max(to - from, TIME_CLOSEST_NS), view.end - view.begin);
	const begin = Math.min(Math.max(view.begin, from), view.end - length);
	if (begin === view.from && begin + length === view.to) return;
	view.from = begin;
	view.to = begin + length;
	for (const act of view.onRange) act();
}

/* Shows factor times as much as now; at stays where it is on the screen. */
function timeViewZoom(view, factor, at) {
	const still = at === null ? (view.from + view.to) / 2 : at;
	const from = still - (still - view.from) * factor;
	timeViewShow(view, from, from + (view.to - view.from) * factor);
}

/* Moves by a share of what is seen; negative is earlier. */
function timeViewPan(view, share) {
	const by = (view.to - view.from) * share;
	timeViewShow(view, view.from + by, view.to + by);
}

function timeViewPoint(view, at) {
	view.cursor = at;
	for (const act of view.onCursor) act();
}

/*
 * About n points between from and to that are round in the units in which people count time, and
 * their step.
 */
function timeTicks(from, to, n) {
	const rough = Math.max(1, (to - from) / n);
	const clock = [15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400].map(
		(s) => s * 1e9,
	);
	let step = 10 ** Math.floor(Math.log10(rough));
	step *= [1, 2, 5, 10].find((each) => step * each >= rough);
	if (step > 10e9)
		step = clock.find((each) => each >= rough) || Math.ceil(rough / 86400e9) * 86400e9;
	const ticks = [];
	for (let i = Math.ceil(from / step); i * step <= to; i++) ticks.push(i * step);
	return { ticks, step };
}

/* The time axis at the foot of a chart: x is the scale, the lines go up to y = top. */
function timeAxis(x, top, bottom) {
	const [from, to] = x.domain(),
		[left, right] = x.range();
	const { ticks, step } = timeTicks(from, to, Math.max(2, Math.floor((right - left) / 90)));
	return domSvg(
		"g",
		{ class: "axis", "aria-hidden": "true" },
		ticks.map((at) => [
			domSvg("line", {
				class: "grid",
				x1: x(at),
				x2: x(at),
				y1: top,
				y2: bottom,
			}),
			domSvg(
				"text",
				{
					x: x(at),
					y: bottom + 16,
					"text-anchor": x(at) > right - 16 ? "end" : "middle",
				},
				formatTick(at, step, to),
			),
		]),
		domSvg("line", { class: "base", x1: left, x2: right, y1: bottom, y2: bottom }),
	);
}

/*
 * Keyboard and mouse on a chart over time. chart: svg, x (the scale, at the time of the call),
 * view, step(direction): the next point for the cursor.
 */
function timeControl(chart) {
	const { svg, view } = chart;
	const keys = {
		ArrowLeft: () => timeViewPoint(view, chart.step(-1)),
		ArrowRight: () => timeViewPoint(view, chart.step(1)),
		Home: () => timeViewPoint(view, view.from),
		End: () => timeViewPoint(view, view.to),
		"+": () => timeViewZoom(view, 1 / TIME_ZOOM, view.cursor),
		"=": () => timeViewZoom(view, 1 / TIME_ZOOM, view.cursor),
		"-": () => timeViewZoom(view, TIME_ZOOM, view.cursor),
		0: () => timeViewShow(view, view.begin, view.end),
		Escape: () => timeViewShow(view, view.begin, view.end),
		PageUp: () => timeViewPan(view, -0.5),
		PageDown: () => timeViewPan(view, 0.5),
	};
	svg.addEventListener("keydown", (press) => {
		const act =
			press.shiftKey && press.key === "ArrowLeft"
				? keys.PageUp
				: press.shiftKey && press.key === "ArrowRight"
					? keys.PageDown
					: keys[press.key];
		if (!act || press.ctrlKey || press.altKey || press.metaKey) return;
		press.preventDefault();
		act();
	});
	svg.addEventListener(
		"wheel",
		(turn) => {
			/* without a key the wheel scrolls the page, as everywhere */
			if (!turn.ctrlKey && !turn.metaKey) return;
			turn.preventDefault();
			timeViewZoom(
				view,
				turn.deltaY < 0 ? 1 / TIME_ZOOM : TIME_ZOOM,
				timeAt(chart, turn),
			);
		},
		{ passive: false },
	);
	svg.addEventListener("dblclick", () => timeViewShow(view, view.begin, view.end));
	timeDrag(chart);
}

/* The time below the pointer, within what is seen. */
function timeAt(chart, happening) {
	const box = chart.svg.getBoundingClientRect();
	/* on paper and while the window changes its size the drawing is scaled */
	const scale = box.width ? chart.svg.viewBox.baseVal.width / box.width : 1;
	const at = chart.x.invert((happening.clientX - box.left) * scale);
	return Math.min(chart.view.to, Math.max(chart.view.from, at));
}

/* Dragging over a chart shows what was dragged over; moving alone moves the cursor. */
function timeDrag(chart) {
	const { svg, view } = chart;
	const band = domSvg("rect", { class: "dragged", visibility: "hidden", y: 0 });
	let begun = null;
	svg.append(band);
	svg.addEventListener("pointerdown", (press) => {
		if (press.button === 0) begun = { at: timeAt(chart, press), x: press.clientX };
	});
	svg.addEventListener("pointermove", (move) => {
		const at = timeAt(chart, move);
		timeViewPoint(view, at);
		if (!begun || Math.abs(move.clientX - begun.x) < TIME_DRAG_PX) return;
		if (!svg.hasPointerCapture(move.pointerId)) svg.setPointerCapture(move.pointerId);
		const edges = [chart.x(begun.at), chart.x(at)].sort((a, b) => a - b);
		domFill(
			band,
			{
				x: edges[0],
				width: edges[1] - edges[0],
				visibility: "visible",
				height: svg.viewBox.baseVal.height,
			},
			[],
		);
	});
	svg.addEventListener("pointerup", (release) => {
		const from = begun;
		begun = null;
		band.setAttribute("visibility", "hidden");
		if (from && Math.abs(release.clientX - from.x) >= TIME_DRAG_PX) {
			const edges = [from.at, timeAt(chart, release)].sort((a, b) => a - b);
			timeViewShow(view, edges[0], edges[1]);
		}
	});
	svg.addEventListener("pointercancel", () => {
		begun = null;
		band.setAttribute("visibility", "hidden");
	});
	svg.addEventListener("pointerleave", () => {
		if (!begun) timeViewPoint(view, null);
	});
}
