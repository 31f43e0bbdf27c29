/* SPDX-License-Identifier: BSD-2-Clause */
/* What was recorded and how: the rows of `skbox info`, and each probe. */

function recordingProbes(probes) {
	const columns = [
		{ name: "probe" },
		{ name: "events", number: true },
		{ name: "lost", number: true },
		{ name: "attached" },
	];
	return domTable(
		"Probes",
		columns,
		probes.map((probe) => [
			probe.name,
			formatCount(probe.events || 0),
			probe.lost ? domElement("strong", {}, formatCount(probe.lost)) : "0",
			probe.attached === false
				? domElement(
						"span",
						{},
						findingsBadge("warn"),
						" not attached",
						probe.why ? ": " + probe.why : "",
					)
				: "yes",
		]),
	);
}

function recordingShow(report) {
	const body = domBody("recording");
	const rows = [...report.recording];
	if (report.filter) rows.push(["filter of this report", report.filter]);
	if (rows.length)
		body.append(
			domElement(
				"dl",
				{ class: "facts" },
				rows.map(([name, value]) =>
					domElement(
						"div",
						{},
						domElement("dt", {}, name),
						domElement("dd", {}, value),
					),
				),
			),
		);
	if (report.probes.length) body.append(recordingProbes(report.probes));
	body.append(domLeftOut(report.probes_left_out, "probe", "skbox info has all") || "");
	if (!rows.length && !report.probes.length)
		body.append(
			domElement(
				"p",
				{ class: "none" },
				"The input does not say how it was recorded.",
			),
		);
	document.getElementById("made").textContent =
		"Made by " +
		(report.made_by || "skbox") +
		(window.d3
			? " with d3 " + d3.version + "."
			: ", built without the chart library: tables only.") +
		" This page is one file and loads nothing.";
}
