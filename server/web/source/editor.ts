// Edits one key. Saves only if the key has not changed since it was read (If-Match).
import {cannotBeAddressed, Conflict, get, put, remove} from './data_client';
import type {Change} from './data_model';
import {h, setText} from './dom';
import {shown} from './format';

type Keeping = 'keep' | 'never' | 'after';

export class Editor {
  private readonly heading = h('h2', {tabindex: -1});
  private readonly key = h('input', {type: 'text', id: 'edited-key', autocomplete: 'off', spellcheck: 'false'});
  private readonly value = h('textarea', {id: 'edited-value', rows: 8, spellcheck: 'false'});
  private readonly keeping = h('select', {id: 'edited-ttl', change: () => this.showKeeping()},
    h('option', {value: 'keep'}, 'as before'), h('option', {value: 'never'}, 'never'), h('option', {value: 'after'}, 'after'));
  private readonly after = h('input', {type: 'text', id: 'edited-ttl-after', value: '30s', 'aria-label': 'Time to live', hidden: true});
  private readonly save = h('button', {type: 'submit', class: 'small', id: 'save'}, 'Save');
  private readonly drop = h('button', {type: 'button', class: 'small', id: 'delete', click: () => void this.run('deleted', () => this.delete())}, 'Delete');
  private readonly message = h('p', {class: 'note', id: 'editor-message', role: 'status'});
  private readonly theirs = h('pre', {id: 'theirs'});
  private readonly conflict = h('div', {class: 'conflict', id: 'conflict', hidden: true, role: 'group', 'aria-label': 'Changed by somebody else'},
    h('p', {}, 'Meanwhile somebody else has changed this key. It is now:'), this.theirs,
    h('span', {class: 'group'},
      h('button', {type: 'button', class: 'small', id: 'take-theirs', click: () => this.takeTheirs()}, 'Edit this value'),
      h('button', {type: 'button', class: 'small', id: 'keep-mine', click: () => this.keepMine()}, 'Keep mine, to save over it')));
  readonly element = h('section', {id: 'editor', hidden: true, 'aria-label': 'One key'}, this.heading,
    h('form', {submit: event => { event.preventDefault(); void this.run('saved', () => this.write()); }},
      h('label', {for: 'edited-key'}, 'Key'), this.key,
      h('label', {for: 'edited-value'}, 'Value, any JSON'), this.value,
      h('span', {class: 'group'}, h('label', {for: 'edited-ttl'}, 'Expires'), this.keeping, this.after),
      h('span', {class: 'group'}, this.save, this.drop,
        h('button', {type: 'button', class: 'small', id: 'close-editor', click: () => this.close()}, 'Close'))),
    this.message, this.conflict);
  private tag: string | undefined;  // of the read value; undefined if the key did not exist
  private read = '';
  private busy = false;
  private noticedRevision = 0;  // of a reported change that was not read yet
  private found: {text: string; tag: string} | undefined;  // the other client's value; undefined if the key was deleted

  /// Starts a new key.
  create(prefix: string): void {
    this.begin('', undefined);
    this.key.value = prefix;
    this.key.readOnly = false;
    this.key.focus();
  }

  async open(key: string): Promise<void> {
    if (cannotBeAddressed(key)) {
      this.begin(key, undefined);
      this.tell('A browser cannot address this key. The command line can.', true);
      this.save.disabled = this.drop.disabled = true;
      return;
    }
    await this.run('', async () => {
      const value = await get(key);
      this.begin(value?.text ?? '', value?.tag);
      this.key.value = key;
      if (value === undefined) this.tell('This key does not exist any more. Saving creates it again.');
      this.heading.focus({preventScroll: true});
      this.element.scrollIntoView({block: 'nearest', behavior: 'instant'});
    });
  }

  /// Called when the watch reports a change.
  noticed(change: Change): void {
    if (this.element.hidden || !this.key.readOnly || change.key !== this.key.value) return;
    this.noticedRevision = Math.max(this.noticedRevision, change.revision);
    this.lookIfChanged();
  }

  /// The watch reports our own changes too; the response to a write shows which these are, so wait for it.
  private lookIfChanged(): void {
    if (!this.busy && this.noticedRevision > revisionOf(this.tag)) void this.look();
  }

  private begin(text: string, tag: string | undefined): void {
    this.element.hidden = false;
    this.noticedRevision = 0;
    this.take(text, tag);
    this.key.readOnly = true;
    this.keeping.value = tag === undefined ? 'never' : 'keep';
    this.showKeeping();
    this.tell('');
  }

  private take(text: string, tag: string | undefined): void {
    this.value.value = this.read = text;
    this.tag = tag;
    this.conflict.hidden = true;
    this.save.disabled = false;
    this.drop.disabled = tag === undefined;
    setText(this.heading, tag === undefined ? 'New key' : `Revision ${revisionOf(tag)}`);
  }

  private async write(): Promise<void> {
    const key = this.key.value;
    if (cannotBeAddressed(key)) throw new Error(key === '' ? 'a key has at least one character' : `a browser cannot address the key ${key}`);
    const keeping = this.keeping.value as Keeping;
    const ttl = keeping === 'never' ? '' : keeping === 'keep' ? (this.tag === undefined ? '' : 'keep') : this.after.value.trim();
    const text = this.value.value;
    const tag = await put(key, text, this.tag, ttl);
    this.key.readOnly = true;
    // The user may have edited the text while the request was running.
    const now = this.value.value;
    this.take(text, tag);
    this.value.value = now;
    this.keeping.value = 'keep';
    this.showKeeping();
  }

  private async delete(): Promise<void> {
    await remove(this.key.value, this.tag ?? '*');
    this.take(this.value.value, undefined);
    this.keeping.value = 'never';
    this.showKeeping();
  }

  /// Runs one action at a time and shows its result. @param told message on success
  private async run(told: string, action: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.element.hidden = false;
    try {
      await action();
      if (told !== '') this.tell(told);
    } catch (error) {
      this.tell(`Not done: ${error instanceof Error ? error.message : String(error)}`, true);
      if (error instanceof Conflict) await this.look('Not done. ');
    } finally {
      this.busy = false;
    }
    this.lookIfChanged();
  }

  /// Reads another client's change. An unedited value is replaced; otherwise the user decides.
  private async look(before = ''): Promise<void> {
    const key = this.key.value;
    this.noticedRevision = 0;
    try {
      const value = await get(key);
      if (this.element.hidden || key !== this.key.value || value?.tag === this.tag) return;
      if (this.value.value === this.read && this.conflict.hidden && this.key.readOnly) {
        this.take(value?.text ?? this.read, value?.tag);
        this.tell(before + (value === undefined ? 'Somebody else has deleted this key. Saving creates it again.' :
          'Somebody else has changed this key; this is the new value.'), before !== '');
        return;
      }
      this.found = value;
      setText(this.theirs, value === undefined ? '(deleted)' : shown(value.text).slice(0, 4000));
      this.conflict.hidden = false;
    } catch (error) {
      this.tell(`Its present value cannot be read: ${error instanceof Error ? error.message : String(error)}`, true);
    }
  }

  private takeTheirs(): void {
    this.key.readOnly = true;
    this.take(this.found?.text ?? '', this.found?.tag);
    this.tell('');
    this.value.focus();
  }

  private keepMine(): void {
    const mine = this.value.value;
    this.key.readOnly = true;
    this.take(this.found?.text ?? '', this.found?.tag);
    this.value.value = mine;
    this.tell('Saving replaces the value that was shown.');
    this.save.focus();
  }

  private close(): void { this.element.hidden = true; }

  private showKeeping(): void { this.after.hidden = this.keeping.value !== 'after'; }

  private tell(text: string, bad = false): void {
    setText(this.message, text);
    this.message.classList.toggle('bad', bad);
  }
}

/// An entity tag has the form `"<database>-<revision>"`.
function revisionOf(tag: string | undefined): number { return Number(/-(\d+)"$/.exec(tag ?? '')?.[1] ?? 0); }
