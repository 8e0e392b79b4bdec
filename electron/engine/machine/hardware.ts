/** What every simulated machine is made of: the node's status, /proc and the tools say the same. Memory and disk in KiB. */
export const HARDWARE = { cpus: 4, memory: 8_131_932, disk: 61_202_244 } as const

/** The resident set of any simulated process, as ps shows it, and what of it is shared, in KiB. */
export const RESIDENT = { virtual: 4000, resident: 3000, shared: 2000 } as const

/** What a kernel with a page cache holds before anything is started, in KiB. */
const KERNEL_MEMORY = 214_816
const BUFFERS = 52_312
const CACHE = 1_204_552
const SLAB = 96_420
const SHARED = 3_128

export interface MemoryUse { readonly total: number; readonly free: number; readonly available: number; readonly buffers: number; readonly cached: number; readonly slab: number; readonly shared: number }

/** In KiB, for so many processes. */
export function memoryUse(processes: number): MemoryUse {
  const anonymous = processes * RESIDENT.resident
  const free = HARDWARE.memory - KERNEL_MEMORY - BUFFERS - CACHE - SLAB - anonymous
  return { total: HARDWARE.memory, free, available: free + BUFFERS + CACHE - 131_072, buffers: BUFFERS, cached: CACHE, slab: SLAB, shared: SHARED }
}

/** /proc/meminfo, as far as it is looked at. */
export function meminfo(processes: number): string {
  const use = memoryUse(processes)
  const rows: [string, number][] = [
    ['MemTotal', use.total], ['MemFree', use.free], ['MemAvailable', use.available], ['Buffers', use.buffers], ['Cached', use.cached], ['SwapCached', 0], ['Active', use.cached - 400_000], ['Inactive', 400_000], ['Unevictable', 0], ['Mlocked', 0],
    ['SwapTotal', 0], ['SwapFree', 0], ['Dirty', 0], ['Writeback', 0], ['AnonPages', processes * RESIDENT.resident], ['Mapped', processes * RESIDENT.shared], ['Shmem', use.shared], ['KReclaimable', use.slab], ['Slab', use.slab + 48_212], ['SReclaimable', use.slab], ['SUnreclaim', 48_212],
  ]
  return rows.map(([name, kib]) => `${`${name}:`.padEnd(16)}${String(kib).padStart(8)} kB\n`).join('')
}

/** /proc/stat: all the time since the start has been idle. `epoch` in ms. */
export function kernelStatistics(uptimeMs: number, epoch: number, forks: number): string {
  const idle = Math.floor(uptimeMs / 10)
  const row = (name: string, factor: number): string => `${name} 0 0 0 ${idle * factor} 0 0 0 0 0 0\n`
  return `${row('cpu ', HARDWARE.cpus)}${Array.from({ length: HARDWARE.cpus }, (_, i) => row(`cpu${i}`, 1)).join('')}intr 0\nctxt 0\nbtime ${Math.floor(epoch / 1000)}\nprocesses ${forks}\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n`
}

export const cpuinfo = (): string =>
  Array.from({ length: HARDWARE.cpus }, (_, i) => [
    ['processor\t', i], ['vendor_id\t', 'GenuineIntel'], ['cpu family\t', 6], ['model\t\t', 85], ['model name\t', 'Podhop simulated processor'], ['cpu MHz\t\t', '2400.000'], ['cpu cores\t', HARDWARE.cpus], ['siblings\t', HARDWARE.cpus], ['bogomips\t', '4800.00'],
  ].map(([name, value]) => `${name}: ${value}\n`).join('') + '\n').join('')
