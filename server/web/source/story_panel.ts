// One request's story: a tooltip while it is hovered, and a panel below the timeline once it is selected.
import {h, setText} from './dom';
import {duration} from './format';
import type {Model, OpenRequest} from './model';
import type {Request} from './records';
import type {Subject} from './scene';
import {openStory, story, whose} from './story';

export class StoryPanel {
  private readonly text = h('p', {class: 'story', id: 'story'});
  private readonly behind = h('ul', {class: 'behind'});
  private readonly tip = h('div', {class: 'tip', hidden: true, role: 'presentation'});
  readonly element = h('div', {class: 'chosen', role: 'region', tabindex: -1, 'aria-label': 'The selected request', 'aria-live': 'polite'},
    this.text, this.behind);
  private chosen: Request | OpenRequest | undefined;

  /// @param choose selects another request by its id
  constructor(private readonly model: Model, private readonly choose: (id: number) => void, stage: HTMLElement) {
    stage.append(this.tip);
    this.show(undefined);
  }

  get id(): number | undefined { return this.chosen?.id; }

  /// Keeps a copy, so that the story stays when its record is removed.
  show(subject: Subject | undefined): void {
    this.chosen = subject && this.unpack(subject);
    this.behind.replaceChildren();
    if (this.chosen === undefined) {
      setText(this.text, 'Select a request in the timeline to read what happened to it.');
      return;
    }
    this.refresh(0);
    if ('behind' in this.chosen) {
      this.behind.append(...this.chosen.behind.map(one => h('li', {}, `${duration(one.held_ns)} behind `,
        h('button', {type: 'button', class: 'small', click: () => this.follow(one.id)}, whose(one)))));
    }
  }

  /// Scrolls the story into view, since a tap may have selected a request far above it.
  reveal(): void { this.element.scrollIntoView({block: 'nearest', behavior: 'instant'}); }

  /// The pressed button disappears with its story, so the focus moves to the new story.
  private follow(id: number): void {
    this.choose(id);
    this.element.focus({preventScroll: true});
  }

  /// Updates the story of an open request, and replaces it when the request has ended.
  /// @param anew also rewrites the story of an ended request, because the time format has changed
  update(now_ns: number, anew = false): void {
    if (this.chosen === undefined || ('outcome' in this.chosen && !anew)) return;
    if ('outcome' in this.chosen) {
      this.refresh(now_ns);
      return;
    }
    const record = this.model.open.has(this.chosen.id) ? undefined : this.model.records.find(this.chosen.id);
    if (record !== undefined) this.show({kind: 'record', record});
    else this.refresh(now_ns);
  }

  showTip(subject: Subject | undefined, at: {x: number; y: number} | undefined, now_ns: number): void {
    this.tip.hidden = subject === undefined || at === undefined;
    if (subject === undefined || at === undefined) return;
    setText(this.tip, this.tell(this.unpack(subject), now_ns));
    const stage = this.tip.parentElement!;
    const width = Math.min(340, stage.clientWidth - 16);
    this.tip.style.width = `${width}px`;
    this.tip.style.left = `${Math.max(8, Math.min(at.x + 14, stage.clientWidth - width - 8))}px`;
    this.tip.style.top = `${at.y + 18}px`;
  }

  private unpack(subject: Subject): Request | OpenRequest {
    if (subject.kind === 'record') return this.model.records.get(subject.record);
    return this.model.open.get(subject.request.id) ?? subject.request;
  }

  private tell(one: Request | OpenRequest, now_ns: number): string {
    if ('outcome' in one) return story(one);
    const owner = this.model.owner();
    const ahead = [...(owner === undefined ? [] : [owner]), ...this.model.queue()].filter(other => other.asked_ns < one.asked_ns && other.id !== one.id);
    return openStory(one, Math.max(now_ns, one.granted_ns ?? one.asked_ns), ahead, !this.model.frozen);
  }

  private refresh(now_ns: number): void {
    if (this.chosen === undefined) return;
    if (!('outcome' in this.chosen)) this.chosen = this.model.open.get(this.chosen.id) ?? this.chosen;
    setText(this.text, this.tell(this.chosen, now_ns || this.model.now_ns(performance.now())));
  }
}
