import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { catalogView, offerView, packViews } from '../view/lab.ts'
import { ProgressStore } from '../progress.ts'
import { PackError, writePack } from './format.ts'
import { someLab } from './packs.samples.ts'
import { LabShelf } from './shelf.ts'

const packOf = (id: string, labs: string[], change?: (yaml: string) => string): Uint8Array => writePack({ id, title: `The pack ${id}` }, new Map(labs.map((lab) => [lab, someLab(lab, change)])))

function place(): { labs: string; packs: string; shelf(): LabShelf } {
  const folder = mkdtempSync(join(tmpdir(), 'podhop-shelf-'))
  const [labs, packs] = [join(folder, 'labs'), join(folder, 'data', 'packs')]
  for (const [name, text] of someLab('own')) {
    mkdirSync(dirname(join(labs, 'own', name)), { recursive: true })
    writeFileSync(join(labs, 'own', name), text)
  }
  return { labs, packs, shelf: () => new LabShelf(labs, packs) }
}

const ids = (shelf: LabShelf): string[] => shelf.labs.map((lab) => `${lab.id}${lab.pack ? ` of ${lab.pack.id}` : ''}${'lab' in lab ? '' : ' with a mistake'}`)

describe('imported packs', () => {
  it('are taken, found again at the next start, and removed', () => {
    const { packs, shelf } = place()
    const first = shelf()
    expect(ids(first)).toEqual(['own'])
    const bytes = packOf('shop', ['lab-b', 'lab-a'])
    expect(offerView(first.offer(bytes))).toMatchObject({ id: 'shop', title: 'The pack shop', replaces: null, clashes: [], labs: [{ id: 'lab-a', steps: 2, images: [] }, { id: 'lab-b' }] })
    expect([existsSync(packs), ids(first)]).toEqual([false, ['own']])
    first.take(bytes, false)
    for (const s of [first, shelf()]) expect(ids(s)).toEqual(['own', 'lab-a of shop', 'lab-b of shop'])
    expect(readdirSync(packs)).toEqual(['shop.tgz'])
    expect([first.remove('nope'), first.remove('../own'), first.remove('shop'), ids(first), ids(shelf())]).toEqual([false, false, true, ['own'], ['own']])
  })

  it('that somebody else takes or removes are seen without a restart, whole, and the own ones are told to nobody', async () => {
    const { packs, shelf } = place()
    const [ours, theirs] = [shelf(), shelf()]
    const told: string[][] = []
    let seen = (): void => undefined
    const next = (): Promise<void> => new Promise((resolve) => (seen = resolve))
    ours.watch((before) => {
      told.push(before.map((lab) => lab.id))
      seen()
    })
    let change = next()
    theirs.take(packOf('shop', ['lab-a']), false)
    await change
    expect([ids(ours), told]).toEqual([['own', 'lab-a of shop'], [['own']]])
    ours.take(packOf('course', ['lab-c']), false)
    change = next()
    writeFileSync(join(packs, 'half.tgz.tmp'), 'no pack')
    theirs.remove('shop')
    await change
    expect(ids(ours)).toEqual(['own', 'lab-c of course'])
    expect(told, 'what it took itself is no news').toEqual([['own'], ['own', 'lab-c', 'lab-a']])
    ours.stopWatching()
  })

  it('are replaced only when that is wanted', () => {
    const { packs, shelf } = place()
    const s = shelf()
    const [one, two] = [packOf('shop', ['lab-a']), packOf('shop', ['lab-b'])]
    s.take(one, false)
    expect(s.offer(one).replaces).toEqual({ title: 'The pack shop', same: true })
    s.take(one, false)
    expect(s.offer(two).replaces).toEqual({ title: 'The pack shop', same: false })
    expect(() => s.take(two, false)).toThrow(PackError)
    expect([ids(s), readFileSync(join(packs, 'shop.tgz'))]).toEqual([['own', 'lab-a of shop'], Buffer.from(one)])
    s.take(two, true)
    expect(ids(shelf())).toEqual(['own', 'lab-b of shop'])
  })

  it('whose labs have the ids of others are refused, and name them', () => {
    const { shelf } = place()
    const s = shelf()
    s.take(packOf('shop', ['lab-a']), false)
    expect(s.offer(packOf('other', ['own', 'lab-a', 'lab-c'])).clashes).toEqual(['the lab "lab-a" is in the pack "shop" already; its folder and id need another name', 'the lab "own" is in Podhop itself already; its folder and id need another name'])
    expect(() => s.take(packOf('other', ['own']), true)).toThrow('the lab "own" is in Podhop itself already')
    expect(ids(shelf())).toEqual(['own', 'lab-a of shop'])
  })

  it('that were spoilt on the disk, or came there by other ways, harm nothing', () => {
    const { packs, shelf } = place()
    shelf().take(packOf('shop', ['lab-a']), false)
    writeFileSync(join(packs, 'torn.tgz'), packOf('torn', ['lab-b']).subarray(0, 300))
    writeFileSync(join(packs, 'renamed.tgz'), packOf('other', ['lab-c']))
    writeFileSync(join(packs, 'same.tgz'), packOf('same', ['own']))
    writeFileSync(join(packs, 'shop.tgz.4711.new'), 'half')
    mkdirSync(join(packs, 'folder.tgz'))
    const s = shelf()
    expect(ids(s)).toEqual(['own', 'same/own of same with a mistake', 'lab-a of shop'])
    expect(Object.values(packViews(s.packs)).map((p) => `${p.id}: ${p.problem ?? p.labs}`)).toEqual(['renamed: its pack.yaml says that it is "other"', 'same: 1', 'shop: 1', expect.stringContaining('torn: is no pack')])
    expect(catalogView(s.labs, new ProgressStore(packs, { readOnly: true, onTrouble: () => undefined }))['lab-a']).toMatchObject({ pack: 'The pack shop', state: 'new' })
    for (const id of ['torn', 'renamed', 'same']) expect(s.remove(id)).toBe(true)
    expect(ids(s)).toEqual(['own', 'lab-a of shop'])
  })
})
