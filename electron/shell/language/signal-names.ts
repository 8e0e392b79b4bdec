import { SIGNAL_NUMBERS } from '../../engine/machine/signals.ts'
import type { SignalName } from '../../engine/machine/types.ts'

/** "9", "KILL", "SIGKILL", "kill". */
export function parseSignal(text: string): SignalName | undefined {
  if (/^\d+$/.test(text)) return (Object.keys(SIGNAL_NUMBERS) as SignalName[]).find((s) => SIGNAL_NUMBERS[s] === Number(text))
  const upper = text.toUpperCase()
  const name = (upper.startsWith('SIG') ? upper : 'SIG' + upper) as SignalName
  return name in SIGNAL_NUMBERS ? name : undefined
}

const ALL = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ')

/** `kill -l` of bash: all of Linux's, five in a row. */
export function signalList(): string {
  const numbered: [number, string][] = ALL.map((name, i) => [i + 1, 'SIG' + name])
  for (let i = 34; i <= 64; i++) numbered.push([i, i === 34 ? 'SIGRTMIN' : i <= 49 ? `SIGRTMIN+${i - 34}` : i < 64 ? `SIGRTMAX-${64 - i}` : 'SIGRTMAX'])
  let out = ''
  numbered.forEach(([number, name], i) => {
    out += `${String(number).padStart(2)}) ${name}`
    out += i % 5 === 4 || i === numbered.length - 1 ? '\n' : '\t'
    if (i % 5 !== 4 && i !== numbered.length - 1 && name.length < 8 - 4) out += ''
  })
  return out
}
