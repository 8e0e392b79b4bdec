import { two } from './http/status.ts'

/** The header of Kubernetes' log lines: "I0105 08:00:00.000000       1 main.go:12] text" (k8s.io/klog/v2). */
export function klogLine(wall: number, severity: 'I' | 'W' | 'E' | 'F', pid: number, source: string, message: string): string {
  const d = new Date(wall)
  const micro = String(Math.floor((wall % 1000) * 1000)).padStart(6, '0')
  const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${micro}`
  return `${severity}${two(d.getUTCMonth() + 1)}${two(d.getUTCDate())} ${time} ${String(pid).padStart(7)} ${source}] ${message}\n`
}
