/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data of the page (docs/report.md has its keys). Keys that have nothing to say are left out
 * by the program; here they get their empty values, so that the rest of the page need not ask.
 */
const DATA_FORMAT = 1;

function dataList(value) {
	return Array.isArray(value) ? value : [];
}

/* The report as an object, or an error with what to do. */
function dataRead() {
	const report = JSON.parse(document.getElementById("data").textContent);
	if (report.format !== DATA_FORMAT)
		throw new Error(
			"its data has format " + report.format + ", this page knows " + DATA_FORMAT,
		);
	for (const key of ["recording", "probes", "trust", "findings", "events", "hops", "sockets"])
		report[key] = dataList(report[key]);
	report.counts = report.counts || {};
	report.span_ns = report.span_ns || 0;
	report.timeline = dataTimeline(report.timeline || {});
	report.paths = report.paths || {};
	for (const key of ["nodes", "links", "routes"])
		report.paths[key] = dataList(report.paths[key]);
	report.drops = report.drops || {};
	for (const key of ["by_reason", "by_place", "by_flow", "cells"])
		report.drops[key] = dataList(report.drops[key]);
	for (const socket of report.sockets) {
		socket.series = socket.series || {};
		for (const key of ["t", "drops", "retransmits"])
			socket[key] = dataList(socket[key]);
	}
	return report;
}

function dataTimeline(timeline) {
	const n = timeline.n || dataList(timeline.events).length;
	for (const key of ["events", "bytes", "drops", "retransmits", "lost"]) {
		if (!Array.isArray(timeline[key])) timeline[key] = new Array(n).fill(0);
	}
	timeline.n = n;
	timeline.bin_ns = timeline.bin_ns || 1;
	timeline.start_ns = timeline.start_ns || 0;
	timeline.gaps = dataList(timeline.gaps);
	return timeline;
}

/* The name of a finding in text and links: F1 is the worst. */
function dataFindingName(id) {
	return "F" + (id + 1);
}

/* name as one word of a shell, for commands that people copy. */
function dataShellWord(name) {
	return /^[A-Za-z0-9._\/-]+$/.test(name) ? name : "'" + name.replace(/'/g, "'\\''") + "'";
}
