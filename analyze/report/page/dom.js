/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making elements. What comes from a recording reaches the page as text nodes and as the values of
 * a few harmless attributes, never as markup: there is no innerHTML in this page, and domElement()
 * refuses attributes that can run or load anything.
 */
const DOM_SVG = "http://www.w3.org/2000/svg";
/*
 * Attributes whose value could be code, an address or a style. Links are made by domLink() alone.
 */
const DOM_REFUSED = /^(on|style$|href$|xlink:href$|src)/i;

function domFill(element, attributes, children) {
	for (const [key, value] of Object.entries(attributes || {})) {
		if (DOM_REFUSED.test(key))
			throw new Error("an attribute that may not be set: " + key);
		if (value !== undefined && value !== null && value !== false)
			element.setAttribute(key, value === true ? "" : String(value));
	}
	for (const child of children.flat(Infinity)) {
		if (child !== undefined && child !== null && child !== false)
			element.append(child instanceof Node ? child : String(child));
	}
	return element;
}

/* An HTML element; children are elements or text. */
function domElement(tag, attributes, ...children) {
	return domFill(document.createElement(tag), attributes, children);
}

/* The same for SVG. */
function domSvg(tag, attributes, ...children) {
	return domFill(document.createElementNS(DOM_SVG, tag), attributes, children);
}

/* A link to a place in this page; id is one of ours. */
function domLink(id, ...children) {
	const link = domElement("a", {}, ...children);
	link.setAttribute("href", "#" + id.replace(/[^a-z0-9-]/g, ""));
	return link;
}

function domButton(label, attributes, act) {
	const button = domElement("button", { type: "button", ...attributes }, label);
	button.addEventListener("click", act);
	return button;
}

/* The part of a section that scripts fill, emptied. */
function domBody(id) {
	const body = document.querySelector("#" + id + " .body");
	body.replaceChildren();
	return body;
}

/*
 * A table; columns are {name, number: right-aligned}, rows are lists of text or elements. It
 * scrolls by itself where it is wider than the page, also by keyboard.
 */
function domTable(caption, columns, rows) {
	const cell = (tag, column, value, extra) =>
		domElement(tag, { class: column.number ? "number" : "", ...extra }, value);
	const table = domElement(
		"table",
		{},
		domElement("caption", {}, caption),
		domElement(
			"thead",
			{},
			domElement(
				"tr",
				{},
				columns.map((column) =>
					cell("th", column, column.name, { scope: "col" }),
				),
			),
		),
		domElement(
			"tbody",
			{},
			rows.map((row) =>
				domElement(
					"tr",
					{},
					row.map((value, i) => cell("td", columns[i], value)),
				),
			),
		),
	);
	return domElement(
		"div",
		{ class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
		table,
	);
}

/*
 * The figures of a chart as a table that opens. Long ones are made when they are opened first:
 * make() gives the table. On paper the chart is enough where lean is true.
 */
function domFigures(summary, make, lean) {
	const details = domElement(
		"details",
		{ class: lean ? "figures screen-only" : "figures" },
		domElement("summary", {}, summary),
	);
	details.addEventListener("toggle", () => {
		if (details.open && details.children.length === 1) details.append(make());
	});
	return details;
}

/*
 * Text that a mark of a chart shows under the pointer or with the focus, and says to screen
 * readers.
 */
function domTip(mark, text) {
	mark.setAttribute("role", "img");
	mark.setAttribute("aria-label", text);
	mark.setAttribute("data-tip", text);
	return mark;
}

/* Shows the tip of what is under the pointer or has the focus; Escape takes it away. */
function domTipsStart() {
	const tip = document.getElementById("tip");
	let shown = null; /* the mark whose tip it is */
	const hide = () => {
		shown = null;
		tip.hidden = true;
	};
	const place = () => {
		if (!shown || !shown.isConnected) return hide();
		const box = shown.getBoundingClientRect(),
			own = tip.getBoundingClientRect();
		const room = document.documentElement.clientWidth - own.width - 8;
		const left = Math.max(8, Math.min(room, box.left + box.width / 2 - own.width / 2));
		const above = box.top - own.height - 8;
		tip.style.left = left + "px";
		tip.style.top = (above > 0 ? above : box.bottom + 8) + "px";
	};
	const show = (happening) => {
		const under = happening.target instanceof Element ? happening.target : null;
		/* the pointer over nothing does not take away what the keyboard has reached */
		const mark =
			(under && under.closest("[data-tip]")) ||
			document.activeElement.closest("[data-tip]");
		if (!mark) return hide();
		tip.textContent = mark.getAttribute("data-tip");
		tip.hidden = false;
		shown = mark;
		place();
	};
	document.addEventListener("pointerover", show);
	document.addEventListener("focusin", show);
	document.addEventListener("focusout", hide);
	/* the focus scrolls to its mark, and the tip has to come along */
	document.addEventListener("scroll", place, { passive: true, capture: true });
	document.addEventListener("keydown", (press) => {
		if (press.key === "Escape") hide();
	});
}

/*
 * One stop of the Tab key for all marks of a chart: arrow keys, Home and End go from mark to mark.
 */
function domRove(marks) {
	const go = (press, i) => {
		const to = {
			ArrowRight: i + 1,
			ArrowDown: i + 1,
			ArrowLeft: i - 1,
			ArrowUp: i - 1,
			Home: 0,
			End: marks.length - 1,
		}[press.key];
		if (
			to === undefined ||
			!marks[to] ||
			press.ctrlKey ||
			press.altKey ||
			press.metaKey
		)
			return;
		press.preventDefault();
		marks[i].setAttribute("tabindex", "-1");
		marks[to].setAttribute("tabindex", "0");
		marks[to].focus();
	};
	marks.forEach((mark, i) => {
		mark.setAttribute("tabindex", i ? "-1" : "0");
		mark.addEventListener("keydown", (press) => go(press, i));
	});
}

/* What a limit kept out of the page, and where it is; null where nothing was. */
function domLeftOut(count, what, where) {
	if (!count) return null;
	const text = formatPlural(count, "more " + what) + " left out of this page: " + where + ".";
	return domElement("p", { class: "muted small" }, text);
}

/* The room that a chart has. A hidden or tiny place still gets a drawing that can be read. */
function domWidth(host) {
	return Math.max(280, Math.floor(host.clientWidth || 0));
}
