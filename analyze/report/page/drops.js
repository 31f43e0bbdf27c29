/* SPDX-License-Identifier: BSD-2-Clause */
/* Drops by reason, place and flow: tables whose rows have bars, and how reasons and places meet. */

/* Rows that are shown before the rest has to be asked for. */
const DROPS_FIRST = 8;

/*
 * A bar of a share of the whole, as an element: its width is all that it says, the number stands
 * beside it.
 */
function dropsBar(share) {
	const bar = domElement("span", { class: "share-bar", "aria-hidden": "true" });
	bar.style.width = Math.max(0.5, share * 100).toFixed(1) + "%";
	return domElement("span", { class: "share" }, bar);
}

function dropsList(title, rows, total, wide) {
	if (!rows.length) return null;
	const line = (row) =>
		domElement(
			"tr",
			{ "data-count": row.count },
			domElement("th", { scope: "row" }, row.name),
			domElement("td", { class: "number" }, formatCount(row.count)),
			domElement(
				"td",
				{ class: "number" },
				formatShare(total ? row.count / total : NaN),
			),
			domElement(
				"td",
				{ class: "share-cell" },
				dropsBar(total ? row.count / total : 0),
			),
			domElement(
				"td",
				{ class: "number muted" },
				row.bytes === undefined ? "" : formatBytes(row.bytes),
			),
		);
	const table = (caption, some, first) =>
		domElement(
			"table",
			{ class: "bars" },
			domElement("caption", { class: first ? "" : "hidden" }, caption),
			domElement(
				"thead",
				{ class: "hidden" },
				domElement(
					"tr",
					{},
					["what", "drops", "share", "bar", "bytes"].map((name) =>
						domElement("th", { scope: "col" }, name),
					),
				),
			),
			domElement("tbody", {}, some.map(line)),
		);
	return domElement(
		"div",
		{ class: wide ? "drops-list drops-flow" : "drops-list" },
		table(title, rows.slice(0, DROPS_FIRST), true),
		rows.length > DROPS_FIRST &&
			domElement(
				"details",
				{},
				domElement("summary", {}, rows.length - DROPS_FIRST + " more"),
				table(title + ", the rest", rows.slice(DROPS_FIRST), false),
			),
	);
}

/*
 * Five steps of shade on a logarithmic scale, so that 3 beside 30,000 is still seen; the number is
 * in the cell.
 */
function dropsShade(count, most) {
	return count
		? 1 + Math.floor(((4 * Math.log(count)) / Math.log(Math.max(2, most))) * 0.999)
		: 0;
}

function dropsMatrix(cells) {
	const sum = (key) => {
		const sums = new Map();
		for (const cell of cells)
			sums.set(cell[key], (sums.get(cell[key]) || 0) + cell.count);
		return [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name);
	};
	const reasons = sum("reason"),
		places = sum("place");
	if (reasons.length < 2 || places.length < 2) return null; /* the lists say the same */
	const most = Math.max(...cells.map((cell) => cell.count));
	const at = new Map(cells.map((cell) => [cell.reason + "\n" + cell.place, cell.count]));
	const table = domElement(
		"table",
		{ class: "matrix" },
		domElement("caption", {}, "Reason and place together"),
		domElement(
			"thead",
			{},
			domElement(
				"tr",
				{},
				domElement("td", {}),
				places.map((place) => domElement("th", { scope: "col" }, place)),
			),
		),
		domElement(
			"tbody",
			{},
			reasons.map((reason) =>
				domElement(
					"tr",
					{},
					domElement("th", { scope: "row" }, reason),
					places.map((place) => {
						const count = at.get(reason + "\n" + place) || 0;
						return domElement(
							"td",
							{
								class:
									"shade-" +
									dropsShade(count, most),
								"data-count": count,
							},
							count ? formatCount(count) : "·",
						);
					}),
				),
			),
		),
	);
	return domElement(
		"div",
		{
			class: "scroll",
			tabindex: "0",
			role: "group",
			"aria-label": "Drops by reason and place",
		},
		table,
	);
}

function dropsShow(report) {
	const body = domBody("drops");
	const { drops } = report;
	if (!drops.total) {
		const probes = report.probes.some((probe) => /kfree_skb/.test(probe.name));
		body.append(
			domElement(
				"p",
				{ class: "none" },
				probes || !report.probes.length
					? "No packet was dropped."
					: "No drop was recorded, but skb:kfree_skb was not probed: there may have been some.",
			),
		);
		return;
	}
	body.append(
		domElement(
			"div",
			{ class: "drops" },
			dropsList("By reason", drops.by_reason, drops.total),
			domElement(
				"div",
				{},
				dropsList("By place", drops.by_place, drops.total),
				dropsMatrix(drops.cells),
			),
			dropsList("By flow", drops.by_flow, drops.total, true),
		),
	);
}
