# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash: batchrun itself says what can follow.
_batchrun()
{
    local line=${COMP_LINE:0:COMP_POINT} words reply word i
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word=${words[-1]}
    mapfile -t reply < <("$1" __complete "${words[@]:1}" 2>/dev/null)
    COMPREPLY=()
    for i in "${reply[@]%%$'\t'*}"; do
        # bash replaces only what stands behind the last of its word breaks.
        [[ $word == --*=* && $COMP_WORDBREAKS == *=* ]] && i=${i#"${word%%=*}="}
        [[ $i == *[/=#] ]] && compopt -o nospace
        # bash inserts it as it is: a blank would end the word, $(...) would be run.
        printf -v i %q "$i"
        COMPREPLY+=("$i")
    done
} 2>/dev/null
complete -F _batchrun batchrun
