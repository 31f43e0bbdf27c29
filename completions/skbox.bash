# SPDX-License-Identifier: BSD-2-Clause
# bash: the programs themselves say what may stand where the cursor is.
_skbox() {
	local words=() word glue= line suffix cur skip=0 i
	# bash cuts words at ":" and "=", which are parts of ours
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((${#words[@]})) && { [[ $word =~ ^[:=]+$ ]] || [ -n "$glue" ]; }; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
		[[ $word =~ ^[:=]+$ ]] && glue=1 || glue=
	done
	((${#words[@]})) || words=("")
	cur=${words[-1]#[\'\"]}
	words[-1]=$cur
	# and replaces only what stands behind the last of them
	[[ ${COMP_WORDS[COMP_CWORD]} == [\'\"]* || $cur != *[:=]* ]] || { line=${cur%[:=]*} && skip=$((${#line} + 1)); }
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:command) COMPREPLY=($(compgen -c -- "$cur")) ;;
		:files*)
			compopt -o filenames 2>/dev/null
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(
				compgen -d -- "${cur:skip}"
				line=${line#:files}
				[ -n "$line" ] || compgen -f -- "${cur:skip}"
				for suffix in $line; do compgen -f -X "!*.$suffix" -- "${cur:skip}"; done
			)
			;;
		*) COMPREPLY+=("${line:skip}") && COMPREPLY[-1]=${COMPREPLY[-1]%%$'\t'*} ;;
		esac
	done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
}
complete -F _skbox skbox skbox-capture
