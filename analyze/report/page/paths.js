/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways of packets through the probes as a graph (d3-sankey), and the routes one by one in a
 * table.
 */

/* Narrower than this the graph scrolls by itself: names of probes need their room. */
const PATHS_WIDTH = 640;
const PATHS_SHRINK = 0.8; /* of what it needs: a wide graph is drawn so small before it scrolls */
const PATHS_LABEL = 34; /* between nodes: a line of text above each, and air */
/* Up to so many bands are labelled; above, the tip and the table tell. */
const PATHS_LABELLED = 14;
const PATHS_COLUMN_MOST = 210; /* so wide a column gets for the names above its nodes */
const PATHS_END_MOST = 280;
const PATHS_LETTER = 6.6; /* about how wide a letter of a bold name is */
/* How a journey ended, as nodes show it beside their colour. */
const PATHS_ENDS = {
	dropped: "✕ dropped",
	delivered: "✓ delivered",
	left: "→ left",
	received: "✓ received",
	seen: "? seen last",
	unknown: "? unknown",
};

function pathsNodeName(node) {
	return node.label || node.name;
}

/* What a node is: the kind of end before its name. */
function pathsNodeText(node) {
	const end = PATHS_ENDS[node.kind];
	return end ? end + ": " + pathsNodeName(node) : pathsNodeName(node);
}

function pathsLinkTip(link, nodes) {
	const times =
		link.p50_ns === undefined
			? ""
			: ", half within " +
				formatTime(link.p50_ns) +
				(link.p99_ns === undefined
					? ""
					: ", 99 % within " + formatTime(link.p99_ns));
	return (
		pathsNodeText(nodes[link.from]) +
		" → " +
		pathsNodeText(nodes[link.to]) +
		": " +
		formatPlural(link.count, "packet") +
		times
	);
}

/* Places of nodes and links in a drawing of this width. */
function pathsPlace(paths, width) {
	const deepest = Math.max(2, ...Object.values(pathsColumns(paths)));
	const height = Math.max(160, deepest * (PATHS_LABEL + 30));
	const place = d3
		.sankey()
		.nodeWidth(10)
		.nodePadding(PATHS_LABEL)
		.nodeAlign(d3.sankeyJustify)
		.extent([
			[4, PATHS_LABEL - 8],
			[width - pathsEndWidth(paths), height - PATHS_LABEL / 2],
		]);
	const graph = place({
		nodes: paths.nodes.map((node, i) => ({ ...node, i })),
		links: paths.links.map((link) => ({
			...link,
			source: link.from,
			target: link.to,
			value: link.count,
		})),
	});
	return { ...graph, height };
}

/* The room for the names of ends, right of them. A longer one is cut at the edge. */
function pathsEndWidth(paths) {
	const ends = paths.nodes.filter((node) => PATHS_ENDS[node.kind]);
	const longest = Math.max(0, ...ends.map((node) => pathsNodeText(node).length));
	return Math.min(PATHS_END_MOST, (longest + 8) * PATHS_LETTER) + 18;
}

/* From column to column at least. */
function pathsColumnWidth(paths) {
	const inner = paths.nodes.filter((node) => !PATHS_ENDS[node.kind]);
	const longest = Math.max(0, ...inner.map((node) => pathsNodeText(node).length));
	return Math.min(PATHS_COLUMN_MOST, (longest + 7) * PATHS_LETTER);
}

/* How many nodes stand above each other, by their distance from the start. */
function pathsColumns(paths) {
	const depth = paths.nodes.map(() => 0);
	/* a link leads to a later node, so as many rounds as nodes settle all of them */
	for (let round = 0, moved = true; moved && round < depth.length; round++) {
		moved = false;
		for (const link of paths.links) {
			if (depth[link.to] < depth[link.from] + 1) {
				depth[link.to] = depth[link.from] + 1;
				moved = true;
			}
		}
	}
	const columns = {};
	const sinks = paths.nodes.map((node, i) => !paths.links.some((link) => link.from === i));
	depth.forEach((d, i) => {
		const column = sinks[i] ? "last" : d;
		columns[column] = (columns[column] || 0) + 1;
	});
	return columns;
}

/* Whether the text of a band would stay clear of nodes and of the names above them. */
function pathsHasRoom(link, nodes) {
	const x = (link.source.x1 + link.target.x0) / 2,
		y = (link.y0 + link.y1) / 2;
	const half = 8 * PATHS_LETTER;
	const clear = (left, right, top, bottom) =>
		x + half < left || x - half > right || y < top - 8 || y - 8 > bottom;
	return nodes.every((node) => {
		/* ends have their names beside them */
		const letters = node.sourceLinks.length ? pathsNodeText(node).length + 6 : 0;
		return (
			clear(node.x0, node.x1, node.y0, node.y1) &&
			clear(node.x0, node.x0 + letters * PATHS_LETTER, node.y0 - 16, node.y0)
		);
	});
}

function pathsDrawLink(link, nodes, labelled) {
	const dropped = link.target.kind === "dropped";
	const middle = (link.source.x1 + link.target.x0) / 2;
	const band = domTip(
		domSvg("path", {
			class: "band" + (dropped ? " dropped" : ""),
			d: d3.sankeyLinkHorizontal()(link),
			"stroke-width": Math.max(1.5, link.width),
			"data-count": link.count,
		}),
		pathsLinkTip(link, nodes),
	);
	const text =
		formatCount(link.count) +
		(link.p50_ns === undefined ? "" : " · " + formatTime(link.p50_ns));
	return domSvg(
		"g",
		{},
		band,
		labelled &&
			domSvg(
				"text",
				{
					class: "band-text",
					x: middle,
					y: (link.y0 + link.y1) / 2 + 4,
					"text-anchor": "middle",
					"aria-hidden": "true",
				},
				text,
			),
	);
}

function pathsDrawNode(node) {
	/* above the node, for its bands have texts of their own; at the ends there is room beside it */
	const end = !node.sourceLinks.length;
	const [x, y] = end ? [node.x1 + 6, (node.y0 + node.y1) / 2 + 4] : [node.x0, node.y0 - 6];
	const kind = PATHS_ENDS[node.kind] ? node.kind : "probe";
	const height = Math.max(2, node.y1 - node.y0);
	const part = domSvg(
		"g",
		{ class: "node " + kind },
		domSvg("rect", {
			x: node.x0,
			y: node.y0,
			width: node.x1 - node.x0,
			height,
			"data-count": node.value,
		}),
		domSvg(
			"text",
			{ x, y, class: "node-name" },
			pathsNodeText(node),
			domSvg("tspan", { class: "node-count", dx: 6 }, formatCount(node.value)),
		),
	);
	return domTip(part, pathsNodeText(node) + ": " + formatPlural(node.value, "packet"));
}

function pathsDraw(host, paths) {
	const columns = Object.keys(pathsColumns(paths)).length;
	const least = (columns - 1) * pathsColumnWidth(paths) + pathsEndWidth(paths);
	const width = Math.max(PATHS_WIDTH, least, domWidth(host));
	const graph = pathsPlace(paths, width);
	const few = graph.links.length <= PATHS_LABELLED;
	const links = graph.links.map((link) =>
		pathsDrawLink(link, paths.nodes, few && pathsHasRoom(link, graph.nodes)),
	);
	const nodes = graph.nodes.map((node) => pathsDrawNode(node));
	const svg = domSvg("svg", {
		viewBox: `0 0 ${width} ${graph.height}`,
		class: "plot",
		id: "paths-chart",
		role: "group",
		"aria-label": "Paths of packets; the arrow keys go along",
	});
	svg.append(...links, ...nodes);
	svg.style.minWidth = Math.max(PATHS_WIDTH, least * PATHS_SHRINK) + "px";
	host.replaceChildren(svg);
	host.nextElementSibling.hidden = host.scrollWidth <= host.clientWidth;
	domRove([...svg.querySelectorAll(".node, .band")]);
}

function pathsTable(paths) {
	const columns = [
		{ name: "way" },
		...["packets", "share", "p50", "p99", "longest"].map((name) => ({
			name,
			number: true,
		})),
	];
	return domTable(
		"The most frequent ways",
		columns,
		paths.routes.map((route) => [
			dataList(route.nodes)
				.filter((i) => paths.nodes[i])
				.map((i) => pathsNodeText(paths.nodes[i]))
				.join(" → "),
			formatCount(route.count),
			formatShare(route.share),
			formatTime(route.p50_ns),
			formatTime(route.p99_ns),
			formatTime(route.max_ns),
		]),
	);
}

function pathsLinkTable(paths) {
	const columns = [
		{ name: "from" },
		{ name: "to" },
		...["packets", "p50", "p99"].map((name) => ({ name, number: true })),
	];
	return domTable(
		"Each band of the graph",
		columns,
		paths.links.map((link) => [
			pathsNodeText(paths.nodes[link.from]),
			pathsNodeText(paths.nodes[link.to]),
			formatCount(link.count),
			formatTime(link.p50_ns),
			formatTime(link.p99_ns),
		]),
	);
}

function pathsShow(report) {
	const body = domBody("paths");
	const { paths } = report;
	if (!paths.routes.length && !paths.links.length) {
		body.append(
			domElement(
				"p",
				{ class: "none" },
				"No packet was seen, so there are no paths.",
			),
		);
		return null;
	}
	const host = domElement("div", {
		class: "chart scroll",
		tabindex: "0",
		role: "group",
		"aria-label": "Graph of the paths",
	});
	let draw = null;
	if (window.d3 && d3.sankey && paths.links.length) {
		body.append(
			host,
			domElement(
				"p",
				{ class: "hint screen-only" },
				"The graph is wider than the window: it scrolls to the right.",
			),
		);
		draw = () => pathsDraw(host, paths);
		draw();
	}
	body.append(
		domFigures(
			"Ways of " + formatPlural(paths.journeys || 0, "packet") + " as a table",
			() => pathsTable(paths),
		),
	);
	if (paths.links.length)
		body.append(
			domFigures(
				"Bands of the graph as a table",
				() => pathsLinkTable(paths),
				true,
			),
		);
	body.append(
		domLeftOut(paths.left_out, "packet", "on rarer ways, which skbox stats counts") ||
			"",
	);
	return draw;
}
