/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts the page together. */

const MAIN_THEMES = [
	["", "as the system"],
	["light", "light"],
	["dark", "dark"],
];

function mainTheme() {
	const button = document.getElementById("theme");
	let now = 0;
	button.addEventListener("click", () => {
		now = (now + 1) % MAIN_THEMES.length;
		const [theme, name] = MAIN_THEMES[now];
		document.documentElement.dataset.theme = theme;
		button.textContent = "Theme: " + name;
	});
}

/* On paper everything is open; afterwards it is as it was. */
function mainPrint(events) {
	let opened = [];
	window.addEventListener("beforeprint", () => {
		events.all();
		opened = [...document.querySelectorAll("details:not([open]):not(.screen-only)")];
		for (const details of opened) {
			details.open = true;
			/* the toggle event that fills a table comes too late for the printer */
			details.dispatchEvent(new Event("toggle"));
		}
	});
	window.addEventListener("afterprint", () => {
		for (const details of opened) details.open = false;
		opened = [];
	});
}

/* Draws again when the width has changed; once a frame at most. */
function mainResize(draws) {
	let width = document.documentElement.clientWidth,
		waiting = false;
	window.addEventListener("resize", () => {
		if (waiting || document.documentElement.clientWidth === width) return;
		waiting = true;
		requestAnimationFrame(() => {
			waiting = false;
			width = document.documentElement.clientWidth;
			draws.forEach((draw) => draw());
		});
	});
}

/* Runs one part of the page; a part that fails says so in its place and leaves the others alone. */
function mainPart(id, show) {
	try {
		return show() || null;
	} catch (error) {
		console.error("skbox report: " + id, error);
		const body = document.querySelector("#" + id + " .body");
		if (body)
			body.append(
				domElement(
					"p",
					{ class: "none" },
					"This part could not be shown: " + error.message,
				),
			);
		return null;
	}
}

function mainShow(report) {
	/* the last event may be at the very beginning of a last bin */
	const { timeline } = report;
	const view = timeViewNew(
		timeline.start_ns,
		Math.max(report.span_ns, timelineBinTime(timeline, timeline.n)),
	);
	const events = mainPart("events", () => eventsShow(report, view)) || {
		choose: () => {},
		all: () => {},
	};
	mainPart("head", () => findingsShowHead(report));
	mainPart("findings", () => findingsShow(report, (finding) => events.choose(finding.id)));
	mainPart("trust", () => findingsShowTrust(report));
	const draws = [
		mainPart("timeline", () => timelineShow(report, view)),
		mainPart("drops", () => dropsShow(report)),
		mainPart("paths", () => pathsShow(report)),
		mainPart("latency", () => latencyShow(report)),
		mainPart("sockets", () => socketsShow(report, view)),
	].filter(Boolean);
	mainPart("recording", () => recordingShow(report));
	mainResize(draws);
	mainPrint(events);
}

function mainStart() {
	mainTheme();
	domTipsStart();
	try {
		mainShow(dataRead());
	} catch (error) {
		console.error("skbox report:", error);
		document.getElementById("verdict").textContent =
			"This report cannot be shown: " + error.message;
	}
	/* all is drawn: what tests and measurements wait for */
	document.documentElement.dataset.ready = "1";
	performance.mark("skbox-ready");
}

mainStart();
