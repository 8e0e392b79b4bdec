import { MemoryFilesystem } from '../machine/filesystem.ts'
import type { Filesystem } from '../machine/types.ts'
import type { Image } from './types.ts'

/** When the files of images were made: what `ls -l` and nginx's Last-Modified show. */
const IMAGE_TIME = Date.UTC(2025, 3, 16, 12, 1, 11)
const layers = new Map<string, MemoryFilesystem>()

/** Puts an image's files into a filesystem that may already have some. */
function installImage(fs: Filesystem, image: Image): void {
  // merged /usr: the links of /bin and its like come before what lies behind them
  for (const [path, target] of Object.entries(image.symlinks)) {
    if (target !== `usr${path}` || fs.exists(path)) continue
    fs.makeDirectory(`/${target}`, { parents: true })
    fs.symlink(target, path)
  }
  const parent = (path: string): void => fs.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/', { parents: true })
  for (const directory of image.directories) fs.makeDirectory(directory, { parents: true, mode: directory === '/tmp' ? 0o1777 : 0o755 })
  for (const [path, { uid, gid, mode }] of Object.entries(image.owners ?? {})) {
    fs.makeDirectory(path, { parents: true })
    fs.chown(path, uid, gid)
    if (mode !== undefined) fs.chmod(path, mode)
  }
  for (const [path, text] of Object.entries(image.files)) {
    parent(path)
    fs.writeFile(path, text)
    fs.touch(path, IMAGE_TIME)
  }
  for (const [path, program] of Object.entries(image.programs)) {
    parent(path)
    fs.installProgram(path, program)
    fs.touch(path, IMAGE_TIME)
  }
  for (const [path, target] of Object.entries(image.symlinks)) {
    parent(path)
    if (!fs.exists(path)) fs.symlink(target, path)
  }
}

/** The read-only layer of an image, made once; a container's filesystem is `new MemoryFilesystem({ clock, base })`. */
export function imageLayer(image: Image): MemoryFilesystem {
  let layer = layers.get(image.id)
  if (!layer) {
    layer = new MemoryFilesystem()
    for (const device of ['null', 'zero', 'full', 'tty', 'stdin', 'stdout', 'stderr'] as const) {
      layer.makeDirectory('/dev', { parents: true })
      layer.installDevice(`/dev/${device}`, device)
    }
    for (const name of ['random', 'urandom']) layer.installDevice(`/dev/${name}`, 'random')
    installImage(layer, image)
    layers.set(image.id, layer)
  }
  return layer
}
