/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and times as people write them. All functions take numbers (times in nanoseconds) and
 * give text; what is not a finite number becomes a dash.
 */
"use strict";

const FORMAT_NONE = "–";
/* A number and its unit stay on one line. */
const FORMAT_SPACE = "\u00a0";

/* Three digits that count, as the program's own text has them: 1.45, 64.0, 648. */
function formatThree(value) {
	const size = Math.abs(value);
	if (size >= 99.95) return value.toFixed(0);
	return value.toFixed(size >= 9.995 ? 1 : 2);
}

/*
 * value in the largest of units ([factor, name], ascending) that leaves at least 1 before the
 * point.
 */
function formatUnit(value, units) {
	let chosen = units[0];
	for (const unit of units) {
		if (Math.abs(value) >= unit[0] * 0.9995) chosen = unit;
	}
	const scaled = value / chosen[0];
	const digits =
		chosen[0] === 1 && Number.isInteger(value) ? String(value) : formatThree(scaled);
	return chosen[1] ? digits + FORMAT_SPACE + chosen[1] : digits;
}

/* 9876, 12.3 k, 4.50 M: four digits are still read at a glance. */
function formatCount(value) {
	if (!Number.isFinite(value)) return FORMAT_NONE;
	if (Math.abs(value) < 10000)
		return Number.isInteger(value) ? String(value) : formatThree(value);
	return formatUnit(value, [
		[1e3, "k"],
		[1e6, "M"],
		[1e9, "G"],
		[1e12, "T"],
	]);
}

/* 1 packet, 2 packets, 12.3 k packets. */
function formatPlural(value, one, many) {
	return formatCount(value) + " " + (value === 1 ? one : many || one + "s");
}

function formatBytes(value) {
	if (!Number.isFinite(value)) return FORMAT_NONE;
	return formatUnit(value, [
		[1, "B"],
		[1e3, "kB"],
		[1e6, "MB"],
		[1e9, "GB"],
		[1e12, "TB"],
	]);
}

function formatBits(value) {
	if (!Number.isFinite(value)) return FORMAT_NONE;
	return formatUnit(value, [
		[1, "bit/s"],
		[1e3, "kbit/s"],
		[1e6, "Mbit/s"],
		[1e9, "Gbit/s"],
		[1e12, "Tbit/s"],
	]);
}

/* A share between 0 and 1: 93.0 %, and never 0 or 100 for what is not. */
function formatShare(share) {
	if (!Number.isFinite(share)) return FORMAT_NONE;
	const percent = share * 100;
	if (share > 0 && percent < 0.1) return "<" + FORMAT_SPACE + "0.1" + FORMAT_SPACE + "%";
	if (share < 1 && percent > 99.9) return ">" + FORMAT_SPACE + "99.9" + FORMAT_SPACE + "%";
	return (
		(Number.isInteger(percent) ? String(percent) : percent.toFixed(1)) +
		FORMAT_SPACE +
		"%"
	);
}

/* How long: 648 ns, 64.0 us, 1.45 s, 3 min 12 s, 5 h 4 min, 2 d 3 h. */
function formatTime(ns) {
	if (!Number.isFinite(ns)) return FORMAT_NONE;
	const seconds = Math.round(ns / 1e9);
	if (seconds < 120)
		return ns === 0
			? "0" + FORMAT_SPACE + "s"
			: formatUnit(ns, [
					[1, "ns"],
					[1e3, "us"],
					[1e6, "ms"],
					[1e9, "s"],
				]);
	const two = (value, large, small, per) =>
		Math.floor(value / per) +
		" " +
		large +
		(value % per ? " " + (value % per) + " " + small : "");
	if (seconds < 7200) return two(seconds, "min", "s", 60);
	if (seconds < 48 * 3600) return two(Math.round(seconds / 60), "h", "min", 60);
	return two(Math.round(seconds / 3600), "d", "h", 24);
}

/*
 * A point on a time axis that reaches to largest_ns, with as many decimals as steps of step_ns
 * need: 1.42 s, 30 ms, 1:30 h.
 */
function formatTick(ns, step_ns, largest_ns) {
	if (step_ns >= 60e9) {
		const minutes = Math.round(ns / 60e9);
		const rest = String(minutes % 60).padStart(2, "0");
		return Math.floor(minutes / 60) + ":" + rest + " h";
	}
	const unit = [
		[1e9, "s"],
		[1e6, "ms"],
		[1e3, "us"],
		[1, "ns"],
	].find((each) => largest_ns >= each[0] || each[0] === 1);
	const decimals = Math.max(0, Math.ceil(Math.log10(unit[0] / step_ns) - 1e-9));
	return (ns ? (ns / unit[0]).toFixed(decimals) : "0") + " " + unit[1];
}

/* Exact to the microsecond, from the first event on: what to look for in the output of print. */
function formatOffset(ns) {
	if (!Number.isFinite(ns)) return FORMAT_NONE;
	return (ns < 0 ? "−" : "+") + (Math.abs(ns) / 1e9).toFixed(6) + FORMAT_SPACE + "s";
}

/*
 * The wall clock (UTC) ns after first_unix_ns, a decimal string; empty where there is no wall
 * clock.
 */
function formatWall(first_unix_ns, ns) {
	if (!/^[0-9]{1,19}$/.test(first_unix_ns || "") || !Number.isFinite(ns)) return "";
	const at = BigInt(first_unix_ns) + BigInt(Math.round(ns));
	const date = new Date(Number(at / 1000000n));
	const micros = String((at / 1000n) % 1000000n).padStart(6, "0");
	return date.toISOString().slice(11, 19) + "." + micros;
}
