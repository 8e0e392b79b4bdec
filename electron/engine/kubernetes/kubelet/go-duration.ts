/** time.Duration's String for what the kubelet prints: "10s", "1m20s", "5m0s", "1.253s", "420ms". */
export function goDuration(ms: number): string {
  if (ms < 1000) return ms === 0 ? '0s' : `${trim(ms)}ms`
  const minutes = Math.floor(ms / 60_000)
  const seconds = trim((ms - minutes * 60_000) / 1000)
  if (minutes === 0) return `${seconds}s`
  const hours = Math.floor(minutes / 60)
  return hours === 0 ? `${minutes}m${seconds}s` : `${hours}h${minutes % 60}m${seconds}s`
}

function trim(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}
