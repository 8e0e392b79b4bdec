import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { Tools } from './tools.ts'

// as where it could not be compiled
vi.mock('node-pty', () => {
  throw new Error("Cannot find package 'node-pty'")
})

function tools(hostTerminal: boolean): Tools {
  const folder = mkdtempSync(join(tmpdir(), 'podhop-tools-'))
  return new Tools({ api: () => undefined, folder, hostTerminal, changed: () => undefined }, { output: () => undefined, closed: () => undefined })
}

describe("the person's own tools", () => {
  it('without node-pty say why there is no terminal of the real machine, and what to install', async () => {
    const one = tools(true)
    await one.prepare()
    expect(one.view().hostTerminalMissing).toMatch(/^The package node-pty, which makes terminals of the real machine, is not here\. .*npm ci again/)
    if (process.platform === 'linux') expect(one.view().hostTerminalMissing).toContain('apt install build-essential python3')
    await expect(one.openTerminal(80, 24)).rejects.toThrow('node-pty')
    expect(one.connected).toBe(false)
  })

  it('have no such terminal where a build does without', async () => {
    const one = tools(false)
    await one.prepare()
    expect(one.view()).toEqual({ api: null, hostTerminal: false, hostTerminalMissing: null })
    await expect(one.openTerminal(80, 24)).rejects.toThrow('no terminals of the real machine')
  })

  it('are connected and disconnected, again and again', async () => {
    const one = tools(false)
    const first = await one.connect()
    expect(await one.connect()).toBe(first)
    expect(one.view().api).toMatchObject({ kubeconfig: first })
    await one.disconnect()
    expect([one.connected, one.view().api]).toEqual([false, null])
    await one.connect()
    await one.disconnect()
  })
})
