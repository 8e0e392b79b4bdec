/** What `h` shows: the keys that there are, in our words. */
export const HELP = `                   SUMMARY OF LESS COMMANDS

      A number N may be typed before a command with a *.

  h  H                 This page.
  q  :q  Q  ZZ         Leave.

                           MOVING

  j  e  ^N  ^E  CR  *  N lines on.
  k  y  ^P  ^Y      *  N lines back.
  SPACE  f  ^F  ^V  *  A window, or N lines, on.
  b  ^B  ESC-v      *  A window, or N lines, back.
  z                 *  A window on; N becomes its size.
  w                 *  A window back; N becomes its size.
  d  ^D             *  Half a window on; N becomes half.
  u  ^U             *  Half a window back; N becomes half.
  ESC-)  RightArrow *  Half a screen to the right.
  ESC-(  LeftArrow  *  Half a screen to the left.
  F                    On to the end, and wait for more; ^C ends it.
  r  ^R  ^L            Draw the screen again.

                          SEARCHING

  /pattern          *  The N-th line on that matches.
  ?pattern          *  The N-th line back that matches.
  n                 *  The same search again.
  N                 *  The same search again, the other way.
  ESC-u                Matches stand out, or do not.
  &pattern             Only lines that match; an empty pattern shows all.
        A pattern that begins with ! or ^N asks for lines without it.

                           JUMPING

  g  <  ESC-<       *  The first line, or line N.
  G  >  ESC->       *  The last line, or line N.
  p  %              *  N percent into the file.
  m<letter>            Marks the top line.
  '<letter>            Goes to a mark; '' where the last jump began.

                        SEVERAL FILES

  :e FILE              Another file.
  :n                *  The next file.
  :p                *  The former file.
  :x                *  The first file, or the N-th.
  :d                   Takes this file from the list.
  =  ^G  :f            Where this is.
  V                    The version.

                           OPTIONS

  -<letter> turns one round, _<letter> shows it; they are given to less as well.

  -F   Leaves at once when the whole file fits on the screen.
  -i   Small letters in a pattern stand for capital ones, too.
  -I   The same, whatever is in the pattern.
  -M   A long prompt.          -m   One of middle length.
  -N   Numbers of lines.
  -R   Colours as they are.
  -S   Long lines are cut.
  -X   The screen stays when less leaves.
  -s   Several empty lines are one.
  +COMMAND   Is done when a file is opened.
`
