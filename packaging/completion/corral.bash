# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of corral(1) for bash.

_corral_jobs() {
    corral list "$@" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

# Options of a verb, without the global ones.
_corral_options() {
    local task='-n -t -w -i -o -e -E'
    case $1 in
        submit) echo "$task -p -c --file --id --wait" ;;
        new) echo "$task -p -c --file" ;;
        add) echo "$task" ;;
        run) echo "$task -p -c" ;;
        cancel) echo '-m --grace --force --no-wait --all --state --user' ;;
        list) echo '--all --state --user' ;;
        wait) echo '--timeout' ;;
        logs) echo '-f --stderr' ;;
    esac
}

_corral() {
    local verbs='submit new add run cancel requeue list show history wait logs watch param status'
    local global='--socket --json --version --help'
    local states='notSubmitted queued running canceling finished failed canceled'
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' i

    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ $verb == '' && " $verbs " == *" ${COMP_WORDS[i]} "* && ${COMP_WORDS[i - 1]} != --socket ]]; then
            verb=${COMP_WORDS[i]}
        elif [[ $verb =~ ^(submit|new|add|run)$ && ${COMP_WORDS[i]} == -- ]]; then
            _command_offset $((i + 1))
            return
        fi
    done

    case $previous in
        --socket | --file | -i | -o | -e)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        -w)
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        -p)
            mapfile -t COMPREPLY < <(compgen -W 'lowest belowNormal normal aboveNormal highest' -- "$word")
            return
            ;;
        --state)
            mapfile -t COMPREPLY < <(compgen -W "$states" -- "$word")
            return
            ;;
        --user)
            if [[ $verb ]]; then
                mapfile -t COMPREPLY < <(compgen -u -- "$word")
                return
            fi
            ;;
        --id)
            mapfile -t COMPREPLY < <(compgen -W "$(_corral_jobs --state notSubmitted)" -- "$word")
            return
            ;;
        -n | -c | -t | -E | -m | --grace | --timeout) return ;;
    esac

    local words=$global
    case $verb in
        '') words+=" --user $verbs" ;;
        add | cancel | wait | watch) words+=" $(_corral_options "$verb") $(_corral_jobs)" ;;
        requeue | show | history | logs) words+=" $(_corral_options "$verb") $(_corral_jobs --all)" ;;
        param) words+=" $(corral param 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
        *) words+=" $(_corral_options "$verb")" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _corral corral
