import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { ProgramTable } from '../../machine/types.ts'
import { alpine, busybox, debian } from '../images/bases.ts'
import { buildImage, type ImageContent } from '../images/build.ts'
import { parseReference } from '../images/reference.ts'
import type { Image } from '../types.ts'
import { declaredProgram } from './program.ts'
import type { DeclaredImage } from './types.ts'

const DIRECTORIES = ['/etc', '/proc', '/sys', '/dev', '/tmp', '/home/nonroot']
const SIZES = { distroless: 12_582_912, busybox: 14_739_431, alpine: 16_235_980, debian: 61_074_124 }
const PROGRAM = '/app'

/** The name in the program table. Cut short, the declaration's hash tells images of the same name in different packs apart. */
function programName(declared: DeclaredImage): string {
  return `declared ${hex(sha256(encodeUtf8(JSON.stringify(declared)))).slice(0, 16)}`
}

export function registerDeclared(table: ProgramTable, images: readonly DeclaredImage[]): void {
  for (const image of images) table.register(programName(image), declaredProgram(image))
}

/** The declared image that a reference names; undefined when there is none, null when there is the repository without the tag. */
export function findDeclared(text: string, images: readonly DeclaredImage[]): Image | null | undefined {
  const wanted = parseReference(text)
  const same = images.filter((image) => parseReference(image.name).repository === wanted.repository)
  if (same.length === 0) return undefined
  const tag = wanted.tag ?? 'latest'
  const image = same.find((i) => parseReference(i.name).tag === tag)
  if (!image) return null
  const built = buildImage(wanted.repository, wanted.canonical, tag, content(image))
  // two packs may declare one name differently, and layers are kept by id
  return { ...built, id: `sha256:${hex(sha256(encodeUtf8(`${built.id} ${programName(image)}`)))}` }
}

function content(declared: DeclaredImage): ImageContent {
  const base = { distroless: { directories: DIRECTORIES, programs: {}, files: {} }, busybox: busybox(), alpine: alpine(), debian: debian({ slim: true }) }[declared.base]
  const tools = Object.fromEntries(declared.tools.map((tool) => [`/usr/bin/${tool}`, tool]))
  return {
    ...base,
    size: SIZES[declared.base],
    files: { ...base.files, ...declared.files },
    programs: { ...base.programs, ...tools, [PROGRAM]: programName(declared) },
    entrypoint: [PROGRAM],
    environment: declared.environment,
    exposedPorts: declared.listen.map(({ port, protocol }) => `${port}/${protocol === 'http' ? 'tcp' : protocol}`),
  }
}
