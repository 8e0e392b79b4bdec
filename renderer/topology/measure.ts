/** Sizes of text in the picture. Both fonts are ours and the mono one has one width, so nothing needs a canvas. */

export const FONT = { small: 11, normal: 12, strong: 13 } as const

/** IBM Plex Mono: 0.6 em a character. */
const MONO = 0.6

export function textWidth(text: string, size: number): number {
  return Math.ceil([...text].length * size * MONO)
}

/** Shortened in the middle, since what tells Pods of one Deployment apart is at the end. */
export function fitText(text: string, width: number, size: number): string {
  const room = Math.max(1, Math.floor(width / (size * MONO)))
  const characters = [...text]
  if (characters.length <= room) return text
  const tail = Math.min(7, Math.floor((room - 1) / 2))
  return characters.slice(0, room - 1 - tail).join('') + '…' + (tail ? characters.slice(-tail).join('') : '')
}
